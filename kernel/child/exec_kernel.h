// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/case_folder.h"
#include "kernel/child/open_kernel.h"
#include "kernel/child/process.h"

#include <memory>
#include <optional>
#include <string>

namespace w4::kernel::child {

/// A command as a kernel. The shell starts `COMMAND FOLDER`; FOLDER is what write_case() writes, and the command puts
/// its output (M, N) into FOLDER/C.npy, in the type of the case, fp32 or fp64. It may do so in one of two ways:
/// - once: it ends with exit code 0, and C.npy is taken. It is started again for the next case.
/// - alive: its stdin gives a line a case, `{"w4": 1, "folder": "FOLDER"}`, the first time for the folder that it was
///   started with. When C.npy is written it answers with a line on stdout, `{"done": true, "return_code": 0}`, with a
///   "message" if it likes, and waits for the next line. End of file on stdin ends it.
/// Other lines on stdout, and stderr, go to our stderr. A C.npy that is left alone counts as never written.
/// scripts/w4bisect.py does all this for a Python function.
class ExecKernel final : public ForeignKernel {
 public:
  ExecKernel(std::string command, std::chrono::milliseconds timeout);
  RunResult run(const Task& task) override;
  std::string name() const override { return command_; }

 private:
  struct Outcome;
  void start(const std::filesystem::path& folder);
  Outcome outcome_of(const std::filesystem::path& folder);
  std::optional<std::string> next_line(Deadline deadline);
  std::string folder_of(const std::shared_ptr<const fixtures::Layer>& layer);
  void take_output(const Task& task, const std::filesystem::path& folder, RunResult& result) const;

  std::string command_;
  std::chrono::milliseconds timeout_;
  TemporaryFolder folder_;
  int cases_ = 0;
  std::shared_ptr<const fixtures::Layer> layer_;  // the last that was written
  int layers_ = 0;
  Descriptor channel_;  // its stdin and stdout
  std::string heard_;   // of a line that is not whole yet
  std::unique_ptr<Process> process_;
};

}  // namespace w4::kernel::child
