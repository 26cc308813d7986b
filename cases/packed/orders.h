// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/model.h"
#include "cases/packed/way.h"

#include <optional>
#include <vector>

namespace w4::cases::packed {

/// A way to put blocks of 16 x 16 codes into tiles; none: the definition's.
struct OrderWay {
  TileOrder order = {};
  std::optional<PackedWay> way = {};
};

/// The orders of blocks or tiles that repackers are known or likely to make; the definition's stands first.
std::vector<OrderWay> likely_orders(int padded_K, int padded_N);

/// The order behind words whose tiles, or blocks, are found again among the model's by their contents: tiles by how
/// often each code occurs in them, whatever happens inside a tile, then blocks by their codes. A tile found nowhere
/// keeps its place when most are found. None: most are not.
std::optional<OrderWay> solved_order(const WordsModel& model, const Grid<std::uint32_t>& words);

}  // namespace w4::cases::packed
