// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/case_runner.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::matrix {

/// What the workers may take together.
struct Budget {
  int jobs = 1;                        // workers
  long long memory_bytes = 4LL << 30;  // of all cases at work; a case that alone needs more is skipped
  std::vector<std::string> gpus = {};  // a name for CUDA_VISIBLE_DEVICES each, or one empty one: as it is set. A GPU
                                       // runs one case at a time
  int search_seconds = 300;            // for bisect, of one failing case
};

/// Runs cases in worker processes, several at once. However a worker ends, its case has a record, the others finish,
/// and another worker takes its place.
class Pool {
 public:
  /// `program`: this executable, which as a worker calls serve_cases().
  Pool(std::string program, RunPlan plan, Budget budget, bool search);

  /// Calls `done` with the record of each case as it comes, in no certain order. Throws InputError for what no case
  /// could be run with (a kernel that is none); records that came before were given to `done`.
  void run(const std::vector<CaseId>& cases, const std::function<void(Record)>& done);

 private:
  std::string program_;
  RunPlan plan_;
  Budget budget_;
  bool search_;
};

/// Bytes in memory of a process and all that it has started. 0 when it is gone.
long long resident_bytes(int process);

}  // namespace w4::cases::matrix
