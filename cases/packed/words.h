// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/model.h"
#include "cases/packed/rows.h"
#include "cases/packed/way.h"

#include <optional>
#include <string>
#include <vector>

namespace w4::cases::packed {

/// Words that were given, and what is known of the layer that they were made of.
struct WordsQuestion {
  const Grid<std::uint32_t>& seen;  // (padded_K / 16, 2 * padded_N)
  const repack::Weights& before;    // the layer behind `checkpoint`
  const RowsRight& rows;
  const RowOrder& perm;                     // as it was given; a layer without one: as stored
  const Grid<std::uint8_t>& padding_zeros;  // (1, padded_N), what rows behind K hold; empty: 8
};

struct WordsAnswer {
  bool exact = false;                      // the ways make the words, every bit
  bool mostly = false;                     // they make many of them
  PackedWays ways = {};                    // of codes, act_order, tiles and fragments
  RowOrder rows = {};                      // of the words, as act_order is judged by
  std::vector<std::string> evidence = {};  // where they are not made: what was compared
  std::optional<StageId> stage = {};       // the stage that is wrong then, as far as comparisons tell
};

/// Walks words back to codes: fragments by what each place of a tile holds over many tiles, tiles by how often codes
/// occur in them, rows and columns by contents, the table of codes by counts. The fewest ways that make every word.
WordsAnswer solve_words(const WordsQuestion& question);

}  // namespace w4::cases::packed
