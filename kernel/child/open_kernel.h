// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/errors.h"
#include "kernel/run.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace w4::kernel::child {

/// The user's kernel. It runs in a process of its own.
class ForeignKernel {
 public:
  virtual ~ForeignKernel() = default;

  /// One launch; its failures are in the result. Throws CannotTest for a task that the kernel declines (declines.h),
  /// CannotStart when there is no such kernel (a command that the shell does not know), UnreadableAnswer for damaged
  /// evidence, ToolFailed when it could not be run for want of descriptors, memory or processes.
  virtual RunResult run(const Task& task) = 0;

  /// Its name in reports.
  virtual std::string name() const = 0;

  /// false: the caller adds the bias, so run without it.
  virtual bool takes_bias() const { return true; }

  /// On a GPU: the device, what its driver can do, and why launches are not watched (empty: they are).
  virtual bool on_device() const { return false; }
  virtual std::string device() const { return ""; }
  virtual std::string driver() const { return ""; }
  virtual int multiprocessors() const { return 0; }
  virtual std::string unwatched() const { return ""; }
};

/// Opens "cuda" or "naive" (our own plug-ins, beside this program), "plugin:FILE" (kernel/plugin.h) or "exec:COMMAND"
/// (kernel/child/exec_kernel.h). `timeout`: of one run. Throws InputError, CannotTest, CannotStart for a FILE that
/// is not there, UnreadableAnswer and ToolFailed.
std::unique_ptr<ForeignKernel> open_kernel(const std::string& spec, std::chrono::milliseconds timeout);

/// Whether open_kernel() knows the kind.
bool is_foreign(const std::string& spec);

/// The file behind "cuda", "naive" and "plugin:FILE"; empty for others. Throws CannotTest when this build has none.
std::filesystem::path plugin_file(const std::string& spec);

}  // namespace w4::kernel::child
