// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/unmade.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::packed {

UnmadeWords compare_contents(const WordsModel& right, const Grid<std::uint32_t>& seen) {
  const bool counts = right.padded() || !tables_between(counts_of(right.codes), counts_of(seen)).empty();
  int same = 0;
  TileCodes want, got;
  for (int t = 0; t < right.tiles(); ++t) {
    right.tile(t, want);
    read_tile(seen, t, right.fragments, got);
    std::ranges::sort(want);
    std::ranges::sort(got);
    same += want == got;
  }
  const StageId stage = same == right.tiles() ? StageId::fragments : counts ? StageId::tiles : StageId::codes;
  return {stage,
          {counts ? "all codes occur as often as in the checkpoint, under one table"
                  : "codes do not occur as often as in the checkpoint, under any table",
           fmt::format("{} of {} tiles hold the same codes as ours, in any order", same, right.tiles())}};
}

std::string first_difference(const Grid<std::uint32_t>& seen, const Grid<std::uint32_t>& made) {
  std::size_t i = 0;
  while (seen[i] == made[i]) ++i;
  const auto cols = static_cast<std::size_t>(seen.cols());
  return fmt::format("first (row {}, word {}): 0x{:08x} where 0x{:08x} is right", i / cols, i % cols, seen[i], made[i]);
}

}  // namespace w4::cases::packed
