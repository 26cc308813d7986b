// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/way.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::packed {

/// An order of the rows of K: place i holds stored row order[i].
using RowOrder = std::vector<int>;

RowOrder identity_order(int count);
bool is_permutation(const RowOrder& order);
RowOrder inverse_of(const RowOrder& order);
RowOrder order_of(const Grid<std::int32_t>& perm, int count);  // empty perm: as stored

/// What act-order asks for: the order of rows and of A's columns, and which rows share a group.
struct RowsRight {
  RowOrder rows;                // sorted by group, rows of a group as stored
  std::vector<int> group = {};  // of each stored row, as checkpoint has it
  bool ordered = false;         // the layer has act-order and more than one group
  /// Whether rows in that order, met by the same columns of A, are the same weights.
  bool sound(const RowOrder& order) const;
};

/// An order that repackers are known or likely to make, in words: "as stored", "the inverse of the sorted rows".
struct NamedOrder {
  std::string text;
  RowOrder order;
};
std::vector<NamedOrder> likely_orders(const RowsRight& right);

/// "the inverse of the sorted rows", "the sorted rows with i = i ^ 1", "another order: row 3 at 0, ..."
std::string text_of_rows(const RowOrder& order, const RowsRight& right);

/// What act_order does instead, when the words hold `rows` and `perm` is what was given; none: it is right.
std::optional<PackedWay> act_order_way(const RowOrder& rows, const RowOrder& perm, const RowsRight& right);

}  // namespace w4::cases::packed
