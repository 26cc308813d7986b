// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/table.h"
#include "repack/packed.h"

#include <array>
#include <span>
#include <string>
#include <vector>

namespace w4::cases::packed {

/// For every place 8 * word + slot of a tile, which of the 1024 codes of four blocks it holds.
using FragmentMap = std::array<std::uint16_t, repack::kTileCodes>;
using TileCodes = std::array<std::uint8_t, repack::kTileCodes>;

FragmentMap reference_fragments();

/// A known way that moves codes inside a tile, the same in every tile.
struct KnownFragments {
  std::string fault, variant;
  FragmentMap map;
};
const std::vector<KnownFragments>& known_fragments();

/// Which block of 16 x 16 codes each place for a block holds; empty: its own.
struct TileOrder {
  std::vector<int> blocks = {};
  bool row_major = false;  // codes are not cut into blocks at all
};

/// Words of packed tensors, as a value: each stage's part of them can be another one.
struct WordsModel {
  int K = 0, N = 0, padded_K = 0, padded_N = 0;
  Grid<std::uint8_t> codes = {};          // (K, N), rows as stored
  CodeTable table = identity_table();     // what becomes of a code
  std::vector<int> rows = {};             // the stored row of each packed row; empty: as stored
  Grid<std::uint8_t> padding_zeros = {};  // (1, padded_N), what rows behind K hold; empty: 8
  int padding_code = -1;                  // what all padding holds instead; -1: what is right
  TileOrder order = {};
  FragmentMap fragments = reference_fragments();

  int tiles_n() const { return padded_N / repack::kTileN; }
  int tiles() const { return padded_K / repack::kTileK * tiles_n(); }
  /// Codes of a tile's four blocks, one block after another.
  void tile(int t, TileCodes& out) const;
  Grid<std::uint32_t> words() const;  // (padded_K / 16, 2 * padded_N)
  bool padded() const { return K != padded_K || N != padded_N; }
};

/// The code at a place of a tile of words, 8 * word + slot.
inline int code_in(const Grid<std::uint32_t>& words, int tile, int place) {
  return code_at(
      words[static_cast<std::size_t>(tile) * repack::kTileWords + static_cast<std::size_t>(place / kCodesPerWord)],
      place % kCodesPerWord);
}

/// A tile's codes read through a fragment map: the inverse of what words() does.
void read_tile(const Grid<std::uint32_t>& words, int tile, const FragmentMap& map, TileCodes& out);

Counts counts_of(const Grid<std::uint8_t>& codes);
Counts counts_of(const Grid<std::uint32_t>& words);

}  // namespace w4::cases::packed
