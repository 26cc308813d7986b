// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/model.h"
#include "cases/packed/rows.h"
#include "cases/packed/way.h"

#include <optional>

namespace w4::cases::packed {

// Which stage does what was found in words, where more than one could.

/// What became of codes, in stage codes. The model's table is not the identity.
PackedWay table_way(const WordsModel& model);

/// Slots of the checkpoint's words in another order look like a permutation inside tiles where eight rows (AWQ:
/// columns) stay together; none: the map does more than that. `ordered`: act-order has moved the rows apart.
std::optional<PackedWay> slots_inside_tiles(const FragmentMap& map, const repack::Weights& before, bool ordered);

/// An order of rows in words: what stage codes does, if it is no matter of act-order, and the order that is left to
/// judge act_order by.
struct RowsWay {
  std::optional<PackedWay> way;
  RowOrder rows;
};
RowsWay rows_way(const RowOrder& order, const RowOrder& perm, const RowsRight& right, const repack::Weights& before);

}  // namespace w4::cases::packed
