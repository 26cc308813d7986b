// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/plugin.h"

#include <string>

namespace w4::kernel::worker {

/// A plug-in that is loaded in this process, or why there is none.
struct Loaded {
  const W4Plugin* plugin = nullptr;
  std::string reason;
  bool lacks_library = false;  // a sound file on a machine that lacks what it links to
};

/// Loads a shared object that exports w4_plugin() or the C++ symbol marlin_cuda (design.md, section 6).
Loaded load_plugin(const char* file);

}  // namespace w4::kernel::worker
