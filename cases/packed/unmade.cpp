// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/unmade.h"

#include "repack/stages/tiles.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::packed {

using repack::kBlockN, repack::kTileK, repack::kTileN;
using repack::tiles::kBlockCodes;

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

UnmadeWords compare_rest(const WordsModel& made, const Grid<std::uint32_t>& seen) {
  int moved = 0, changed = 0;
  long long codes = 0;
  std::string first;
  TileCodes want, got;
  for (int t = 0; t < made.tiles(); ++t) {
    made.tile(t, want);
    read_tile(seen, t, made.fragments, got);
    if (want == got) continue;
    for (std::size_t i = 0; i < want.size(); ++i) {
      codes += want[i] != got[i];
      if (!first.empty() || want[i] == got[i]) continue;
      const int block = static_cast<int>(i) / kBlockCodes, cell = static_cast<int>(i) % kBlockCodes;
      first = fmt::format("(k={}, n={}): {} where {} is right", t / made.tiles_n() * kTileK + cell / kBlockN,
                          t % made.tiles_n() * kTileN + block * kBlockN + cell % kBlockN, got[i], want[i]);
    }
    std::ranges::sort(want);
    std::ranges::sort(got);
    ++(want == got ? moved : changed);
  }
  return {
      changed > 0 ? StageId::codes : StageId::fragments,
      {fmt::format("codes that differ: {}, the first at {}", codes, first),
       fmt::format("tiles with other codes than ours: {}, with the same codes in another order: {}", changed, moved)}};
}

}  // namespace w4::cases::packed
