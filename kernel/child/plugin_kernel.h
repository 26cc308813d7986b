// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/child.h"
#include "kernel/child/open_kernel.h"
#include "kernel/child/shared_buffers.h"

#include <filesystem>

namespace w4::kernel::child {

/// A shared object of kernel/plugin.h, with host or device pointers. Before each run C is filled with launch.fill;
/// guard zones enclose every buffer; the workspace is read back. launch.workspace, when given, sets its content and
/// size.
class PluginKernel final : public ForeignKernel {
 public:
  /// `wrapper`: see Child. With a wrapper there are no guard zones.
  PluginKernel(const std::filesystem::path& file, std::chrono::milliseconds timeout,
               std::vector<std::string> wrapper = {});
  RunResult run(const Task& task) override;
  std::string name() const override;
  bool takes_bias() const override;
  bool on_device() const override;
  std::string device() const override;
  std::string driver() const override;
  int multiprocessors() const override;
  std::string unwatched() const override;

  /// Lets the process exit. False: it had to be killed.
  bool finish();

 private:
  void check_takes(const Task& task) const;
  std::optional<std::size_t> bytes_asked(worker::Ask what, const Task& task, RunResult& result);

  std::filesystem::path file_;
  bool apart_;
  Child child_;
};

}  // namespace w4::kernel::child
