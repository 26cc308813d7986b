// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/oracle.h"
#include "kernel/run.h"

#include <string>
#include <vector>

namespace w4::cases::judge {

/// Several launches of one task: how they ended, and whether they gave the same bits.
struct Repeats {
  int launches = 0;
  std::size_t outputs = 0;
  int compared = 0;                        // launches that ran to their end
  std::size_t differing = 0;               // most outputs in which one of those differs from the first of them
  bool apart = false;                      // somewhere two launches are further apart than two right outputs can be
  std::vector<std::string> failures = {};  // "return code 2", "SIGSEGV", "hangs": the different ones, sorted
};

/// `launches` is not empty.
Repeats repeats_of(const std::vector<kernel::RunResult>& launches, const Expected& expected);

/// "3 launches are equal in every bit", "benign: ... another order of sums" (right or wrong as a whole, their
/// differences are rounding) or "race: ...".
std::string triage_of(const Repeats& repeats);

}  // namespace w4::cases::judge
