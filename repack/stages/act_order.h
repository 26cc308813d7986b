// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage.h"

namespace w4::repack::act_order {

/// Sorts the rows by group, rows of one group as stored. Sets row_order, column_order and row_group and permutes codes;
/// without g_idx, or with one group, rows stay where they are. Codes that are not there yet are left out.
/// Throws CannotTest for groups of unequal length.
Weights reference(const Weights& w);

/// Rows put back where they are stored: the inverse, (K, N). `order` as row_order; empty: the grid as it is.
Grid<std::uint8_t> rows_as_stored(const Grid<std::uint8_t>& codes, const Grid<std::int32_t>& order);

Stage stage();

}  // namespace w4::repack::act_order
