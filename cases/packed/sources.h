// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/model.h"
#include "cases/packed/rows.h"
#include "cases/packed/way.h"

#include <functional>
#include <optional>
#include <vector>

namespace w4::cases::packed {

using Codes = Grid<std::uint8_t>;

/// A way to take codes (K, N) out of stored words; none: the definition's. `made` computes them when they are asked
/// for.
struct CodesWay {
  std::function<Codes()> made;
  std::optional<PackedWay> way = {};
  bool rows_sorted = false;  // rows are in the kernel's order already
};

/// Known and likely ways for a layer behind `checkpoint` and with codes behind `codes`; the definition's stands first.
std::vector<CodesWay> likely_codes(const repack::Weights& before, const RowOrder& rows);

/// Codes (K, N) as the words hold them when nothing but their rows, columns or stored words is wrong: rows as packed.
Codes read_codes(const WordsModel& model, const Grid<std::uint32_t>& words);

/// The order of rows under which the model's codes become `read`, found by contents. Rows found nowhere keep their
/// place when most are found. None: most are not.
std::optional<RowOrder> solved_rows(const WordsModel& model, const Codes& read);

/// The same of columns, of stored words at another address (a stride, an offset, another shape), and of slots in a
/// word, each with the rows in the model's order.
std::optional<CodesWay> solved_columns(const WordsModel& model, const Codes& read);
std::optional<CodesWay> solved_words(const repack::Weights& before, const WordsModel& model, const Codes& read);

/// What another order of stored rows is when words stay together: slots of a word in another order. None: they do not.
std::optional<PackedWay> slots_way(const repack::Weights& before, const RowOrder& order);

}  // namespace w4::cases::packed
