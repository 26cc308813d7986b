// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/case_folder.h"
#include "kernel/child/open_kernel.h"
#include "kernel/child/overheard.h"
#include "kernel/child/process.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <optional>
#include <string>

namespace w4::kernel::child {

/// A command as a kernel. The shell starts `COMMAND FOLDER`; FOLDER is what write_case() writes, and the command puts
/// its output (M, N) into FOLDER/C.npy, in the type of the case, fp32 or fp64. It may do so in one of two ways:
/// - once: it writes C.npy and ends with exit code 0. It is started again for the next case.
/// - alive: it reads one line a case from stdin, `{"w4": 1, "folder": "FOLDER"}`, the first for the folder that it was
///   started with. After writing C.npy it prints a line to stdout, `{"done": true, "return_code": 0}`, with an optional
///   "message" or "exception", and reads the next line. It ends at end of file.
/// A case is declined by 125, as the exit code or the return code. Other lines on stdout, and stderr, go to our stderr.
/// A C.npy that is not written anew counts as never written. One that is gone, torn, of another type or shape is an
/// UnreadableAnswer, and so is a line with "done" or "return_code" that is no such answer in at most 1 MiB of UTF-8.
/// scripts/w4bisect.py does all this for a Python function.
class ExecKernel final : public ForeignKernel {
 public:
  ExecKernel(std::string command, std::chrono::milliseconds timeout);
  RunResult run(const Task& task) override;
  std::string name() const override { return command_; }

 private:
  struct Outcome;
  void start(const std::filesystem::path& folder);
  void note_end(const Ended& ended, RunResult& result);
  void note_answer(const nlohmann::json& answer, RunResult& result) const;
  std::filesystem::path write_next(const Task& task);
  RunResult result_in(const std::filesystem::path& folder, const Task& task);
  Outcome outcome_of(const std::filesystem::path& folder);
  std::optional<std::string> next_line(Deadline deadline);
  std::string folder_of(const std::shared_ptr<const fixtures::Layer>& layer);
  void take_output(const Task& task, const std::filesystem::path& folder, RunResult& result) const;

  std::string command_;
  std::chrono::milliseconds timeout_;
  std::optional<TemporaryFolder> folder_;
  int cases_ = 0;
  bool answered_ = false;                         // a case was: the command can start
  std::shared_ptr<const fixtures::Layer> layer_;  // written last
  int layers_ = 0;
  Descriptor channel_;  // stdin and stdout of the command
  std::string heard_;   // start of a line that is incomplete
  std::unique_ptr<Overheard> errors_;
  std::unique_ptr<Process> process_;
};

}  // namespace w4::kernel::child
