// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/matrix/record.h"
#include "kernel/child/open_kernel.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace w4::cases::matrix {

/// How cases are run, beyond what they say themselves.
struct RunPlan {
  std::vector<std::string> inject = {};  // planted on the lane model's path, as `bisect --inject` and --set do
  std::vector<std::string> settings = {};
  int times = 1;              // how often each case is run: one that does not always end alike is flaky
  int timeout_seconds = 120;  // of one run of a kernel
};

/// Runs cases one after another in this process. Kernels of others are kept open, with their processes, from case to
/// case.
class CaseRunner {
 public:
  explicit CaseRunner(RunPlan plan) : plan_(std::move(plan)) {}

  /// The case, as often as the plan says: repack, kernel, oracle. No search for what is wrong. Throws InputError for a
  /// kernel that is none.
  Record check(const CaseId& id);

  /// Hands a failing case to bisect: its report becomes part of the record. A case in which bisect sees nothing wrong
  /// does not fail every time: it becomes flaky. One on which the known-good path fails too is no case to judge by:
  /// skipped.
  void find(const CaseId& id, Record& record);

 private:
  struct Checked {
    Outcome outcome = Outcome::pass;
    std::string reason = {};
    std::optional<ErrorFigures> error = {};
    nlohmann::ordered_json pictures = nullptr;
  };
  Options options_of_case(const CaseId& id) const;
  Checked once(const Options& options);
  Checked lane_model(const Options& options) const;
  Checked foreign(const Options& options);
  kernel::child::ForeignKernel& opened(const std::string& spec);

  RunPlan plan_;
  std::map<std::string, std::unique_ptr<kernel::child::ForeignKernel>> kernels_;
};

/// Bytes that a case needs at once, roughly: layer, stages, packed tensors, the oracle's weights and outputs.
long long bytes_needed(const CaseId& id);

}  // namespace w4::cases::matrix
