// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/launch_trials.h"

#include <cmath>
#include <optional>

namespace w4::cases::search {

/// Probes of a kernel whose launches differ. Inputs are small integers and every sum is exact, in any order: launches
/// that differ have multiplied or written other numbers. Each probe keeps M, N, K and the launch, and with them the
/// timing. No answer: a launch of the probe did not run.
class RaceProbes {
 public:
  explicit RaceProbes(LaunchTrials& trials);

  /// The scales of all groups and columns are equal: reading those of another group changes nothing.
  std::optional<bool> differ_with_equal_scales();

  /// The thread blocks with which each has one slice, a whole column: nothing is loaded behind its write-out. None: the
  /// block_tile, and with it the slices, are not known, or the blocks are not all resident.
  std::optional<int> blocks_of_one_slice() const;

  /// Equal scales, and one slice a thread block. No answer too where blocks_of_one_slice() has none.
  std::optional<bool> differ_with_one_slice();

  /// Equal scales on one thread block: it hands no partial sum over, and has many slices one after another.
  std::optional<bool> differ_on_one_block();

  /// All blocks of 64 rows of K are alike: operands that come too early or too late change nothing.
  std::optional<bool> differ_with_equal_rows_of_k();

  /// Codes are 9, so that a weight is its scale; the scale of a group is one more than that of the group before; all
  /// blocks of 64 rows of K are alike. What is wrong are scales, and the sign says of which groups.
  struct GroupsUsed {
    int launches = 0;
    long long later = 0, earlier = 0, other = 0;                 // wrong outputs
    float nearest_later = INFINITY, nearest_earlier = INFINITY;  // in groups, where one read alone is wrong
    long long wrong() const { return later + earlier + other; }
    bool mostly_later() const { return 2 * later > wrong(); }
    bool mostly_earlier() const { return 2 * earlier > wrong(); }
    void count(float got, float right);
  };
  GroupsUsed groups_used(std::optional<int> thread_blocks = {});

  /// Launches that were compared where none differs.
  static constexpr int kLaunches = 40;

 private:
  std::optional<bool> differ(const char* what, const kernel::Task& task);
  kernel::Task with_equal_scales(int thread_blocks) const;
  kernel::Task task_of(const fixtures::PlainLayer& plain, Grid<std::uint16_t> A) const;
  fixtures::PlainLayer with_unit_scales() const;
  bool is_one_of_row(int m, int packed_row) const;
  template <class Value>
  Grid<std::uint16_t> rows_of_a(const Value& value) const;

  LaunchTrials& trials_;
  const fixtures::Layer& layer_;
  const Grid<std::int32_t> columns_;  // (1, K): the column of A that meets each packed row
  const int rows_;                    // M
};

}  // namespace w4::cases::search
