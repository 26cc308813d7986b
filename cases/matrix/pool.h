// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/case_runner.h"

#include <functional>
#include <string>
#include <vector>

namespace w4::cases::matrix {

/// What all workers together may use.
struct Budget {
  int jobs = 1;                        // workers
  long long memory_bytes = 4LL << 30;  // of all cases at work; a case that alone needs more is skipped
  std::vector<std::string> gpus = {};  // one value of CUDA_VISIBLE_DEVICES each; "": unchanged. One case at a time each
  int search_seconds = 300;            // for bisect, of one failing case
};

/// Runs cases in worker processes, several at once. However a worker ends, its case has a record, the others finish,
/// and another worker takes its place. `program`: this executable, which as a worker calls serve_cases(). Calls `done`
/// with the record of each case as it finishes, in any order. Throws InputError where no case can be run (an unknown
/// kernel); earlier records were given to `done`.
void run_cases(const std::string& program, const RunPlan& plan, const Budget& budget, const std::vector<CaseId>& cases,
               const std::function<void(Record)>& done);

/// Resident bytes of a process and all its descendants. 0 when it is gone.
long long resident_bytes(int process);

}  // namespace w4::cases::matrix
