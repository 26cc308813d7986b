// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child.h"
#include "kernel/foreign.h"
#include "kernel/shared_buffers.h"

#include <filesystem>

namespace w4::kernel {

/// A shared object of kernel/plugin.h. C is filled with launch.fill before each run, guard zones lie round every
/// buffer, the workspace is read back; launch.workspace, when given, is what it starts with and how large it is.
class PluginKernel final : public ForeignKernel {
 public:
  PluginKernel(const std::filesystem::path& file, std::chrono::milliseconds timeout);
  RunResult run(const Task& task) override;
  std::string name() const override;

 private:
  void check_takes(const Task& task) const;

  std::filesystem::path file_;
  Child child_;
};

}  // namespace w4::kernel
