// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/plugin.h"

#include <string>

namespace w4::kernel::worker {

/// A plug-in loaded in this process, or why it is not.
struct Loaded {
  const W4Plugin* plugin = nullptr;
  std::string reason;
  bool lacks_library = false;  // the file is sound; this machine lacks a library that it links to
};

/// Loads a shared object that exports w4_plugin() or the C++ symbol marlin_cuda (design.md, section 6).
Loaded load_plugin(const char* file);

}  // namespace w4::kernel::worker
