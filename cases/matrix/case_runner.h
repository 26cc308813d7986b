// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/matrix/record.h"
#include "kernel/child/open_kernel.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace w4::cases::matrix {

/// How cases are run, beyond what they say themselves.
struct RunPlan {
  std::vector<std::string> inject = {};  // planted on the lane model's path, as `bisect --inject` and --set do
  std::vector<std::string> settings = {};
  int times = 1;              // runs of each case; outcomes that differ make it flaky
  int timeout_seconds = 120;  // of one launch
  bool search = true;         // what fails is handed to bisect
};

/// Runs cases one after another in this process. The user's kernels stay open, with their processes, from case to case.
class CaseRunner {
 public:
  explicit CaseRunner(RunPlan plan) : plan_(std::move(plan)) {}

  /// Examines the case as often as the plan says, without a search for what is wrong. Throws InputError for an unknown
  /// kernel.
  Record check(const CaseId& id);

  /// Hands a failing case to bisect; its report becomes part of the record. A case that bisect finds right does not
  /// always fail: it becomes flaky. A case on which the known-good path fails too judges nothing: it becomes skipped.
  void find(const CaseId& id, Record& record);

 private:
  struct Checked {
    Outcome outcome = Outcome::pass;
    std::string reason = {};
    std::optional<ErrorFigures> error = {};
    std::optional<RecordedRounding> rounding = {};
    nlohmann::ordered_json pictures = nullptr;
    std::optional<double> launch_seconds = {};
    MadeWith made = {};  // made_on() its kernel
  };
  Options options_of_case(const CaseId& id) const;
  Checked once(const Options& options);
  Checked own_path(const Options& options) const;
  Checked users_kernel(const Options& options);
  template <class Examination>
  static Checked checked(const Examination& seen, const kernel::RunResult& shown, const judge::Expected& expected);
  kernel::child::ForeignKernel& opened(const std::string& spec);

  RunPlan plan_;
  std::map<std::string, std::unique_ptr<kernel::child::ForeignKernel>> kernels_;
};

/// Bytes that a case needs at once, roughly: layer, stages, packed tensors, the oracle's weights and outputs.
long long bytes_needed(const CaseId& id);

}  // namespace w4::cases::matrix
