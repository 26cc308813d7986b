// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage.h"

namespace w4::repack::scale_order {

inline constexpr int kGroupedSpan = 64;  // columns that are permuted among themselves
inline constexpr int kSingleSpan = 32;

/// Grouped: the column that place p of 64 holds. A lane's mma fragment takes eight columns 8 apart.
constexpr int grouped_column(int place) { return place / 8 + 8 * (place % 8); }
/// One group, scaled after the multiplication: place p of 32 holds the columns of a lane's accumulators.
constexpr int single_column(int place) { return 2 * (place / 8) + place % 8 % 2 + 8 * (place % 8 / 2); }

/// The place that holds column c: the inverses.
constexpr int grouped_place(int column) { return column / 8 + 8 * (column % 8); }
constexpr int single_place(int column) { return 8 * (column % 8 / 2) + 2 * (column / 8) + column % 2; }

static_assert([] {  // an inverse on both sides is a bijection
  for (int i = 0; i < kGroupedSpan; ++i)
    if (grouped_place(grouped_column(i)) != i || grouped_column(grouped_place(i)) != i) return false;
  for (int i = 0; i < kSingleSpan; ++i)
    if (single_place(single_column(i)) != i || single_column(single_place(i)) != i) return false;
  return true;
}());

/// The same for a whole row of Np columns.
constexpr int column_of_place(int place, bool one_group) {
  const int span = one_group ? kSingleSpan : kGroupedSpan;
  const int inside = place % span;
  return place - inside + (one_group ? single_column(inside) : grouped_column(inside));
}
constexpr int place_of_column(int column, bool one_group) {
  const int span = one_group ? kSingleSpan : kGroupedSpan;
  const int inside = column % span;
  return column - inside + (one_group ? single_place(inside) : grouped_place(inside));
}

/// Scales and zero points into the kernel's order. Zero points take the grouped order whatever the number of groups,
/// for they are subtracted before the multiplication, and are packed 8 to a word in the order 0 2 4 6 1 3 5 7.
Weights reference(const Weights& w);

/// The inverses: (groups, Np) in natural column order.
Grid<std::uint16_t> natural_scales(const Grid<std::uint16_t>& ordered, bool one_group);
Grid<std::uint8_t> natural_zeros(const Grid<std::uint32_t>& ordered);

Stage stage();

}  // namespace w4::repack::scale_order
