// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace w4::kernel::child {

/// Somebody else's kernel. It runs in a process of its own.
class ForeignKernel {
 public:
  virtual ~ForeignKernel() = default;

  /// One launch; what went wrong in it is in the result. Throws CannotTest for a task that the kernel does not take,
  /// and InputError when it is no kernel at all (a command that the shell does not know).
  virtual RunResult run(const Task& task) = 0;

  /// What it calls itself.
  virtual std::string name() const = 0;

  /// False: somebody else adds the bias, and the kernel is asked without one.
  virtual bool takes_bias() const { return true; }

  /// Of kernels that run on a GPU: the device, and why launches are not watched there (empty: they are).
  virtual bool on_device() const { return false; }
  virtual std::string device() const { return ""; }
  virtual int multiprocessors() const { return 0; }
  virtual std::string unwatched() const { return ""; }
};

/// Opens "cuda" or "naive" (our own, which are plug-ins that lie beside this program), "plugin:FILE" (kernel/plugin.h)
/// or "exec:COMMAND" (kernel/child/exec_kernel.h). `timeout`: of one run. Throws InputError and CannotTest.
std::unique_ptr<ForeignKernel> open_kernel(const std::string& spec, std::chrono::milliseconds timeout);

/// Whether open_kernel() knows the kind.
bool is_foreign(const std::string& spec);

/// The file behind "cuda", "naive" and "plugin:FILE"; empty for others. Throws CannotTest when this build has none.
std::filesystem::path plugin_file(const std::string& spec);

}  // namespace w4::kernel::child
