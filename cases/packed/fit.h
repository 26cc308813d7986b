// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/model.h"
#include "cases/packed/way.h"

#include <optional>
#include <vector>

namespace w4::cases::packed {

/// Some tiles of words, read once: what each of the 1024 places holds over all of them.
class TileSample {
 public:
  TileSample(const Grid<std::uint32_t>& words, std::vector<int> tiles);

  const std::vector<int>& tiles() const { return tiles_; }

  /// The permutation inside a tile under which the model's tiles become the sample's, the same in every tile: the
  /// reference where it does, then a known one, then by contents. None: there is no such permutation.
  std::optional<FragmentMap> fragments_of(const WordsModel& model) const;

  /// Words of the sample that the model makes, of all of them, with the model's fragments.
  double share_equal(const WordsModel& model) const;

  /// What most codes of the model became at their places; none where no number stands out.
  std::optional<CodeTable> table_of(const WordsModel& model) const;

 private:
  const Grid<std::uint32_t>& words_;
  std::vector<int> tiles_;
  std::vector<std::uint64_t> places_;  // a hash of the codes at each place
};

/// `most` tiles spread over first..last-1 without the ones that hold a single word over and over: those were never
/// packed.
std::vector<int> spread_tiles(const Grid<std::uint32_t>& words, int first, int last, int most);

/// What the fragments stage does instead, for a map that is not the reference.
PackedWay fragments_way(const FragmentMap& map);

}  // namespace w4::cases::packed
