// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/oracle.h"
#include "kernel/run.h"

#include <string>
#include <vector>

namespace w4::cases::judge {

/// Equal in every bit and in how they ended.
bool same_result(const kernel::RunResult& a, const kernel::RunResult& b);
bool all_equal(const std::vector<kernel::RunResult>& launches);

/// Outputs that differ; all of the larger one where the shapes differ.
std::size_t differing(const Grid<std::uint16_t>& a, const Grid<std::uint16_t>& b);

/// The most outputs in which one of the launches differs from the first one. `launches` is not empty.
std::size_t most_differing(const std::vector<kernel::RunResult>& launches);

/// "2 launches of the same task differ in up to 3 of 512 outputs". `launches` is not empty.
std::string difference_text(const std::vector<kernel::RunResult>& launches);

/// How a launch ended where it did not end well: "return code 2", "synchronise error ...", "hangs: ...".
std::vector<std::string> endings_of(const kernel::RunResult& result);

/// endings_of(got), then how else it differs from the known-good kernel on the same packed tensors: "12 of 512 outputs
/// differ ...", "3 of 10 locks are left non-zero".
std::vector<std::string> differences(const kernel::RunResult& got, const kernel::RunResult& good);

/// Several launches of one task: how they ended, and whether they gave the same bits.
struct Repeats {
  int launches = 0;
  std::size_t outputs = 0;
  int compared = 0;                        // launches that ran to their end
  std::size_t differing = 0;               // the most outputs in which one of those differs from the first of them
  bool apart = false;                      // some output differs by more than two right outputs can
  std::vector<std::string> failures = {};  // "return code 2", "SIGSEGV", "hangs": the different ones, sorted
};

/// `launches` is not empty.
Repeats repeats_of(const std::vector<kernel::RunResult>& launches, const Expected& expected);

/// "3 launches are equal in every bit", "benign: ... another order of sums" (they differ by rounding, whether the
/// output is right or wrong) or "race: ...".
std::string triage_of(const Repeats& repeats);

}  // namespace w4::cases::judge
