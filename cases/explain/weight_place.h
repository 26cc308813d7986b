// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/packed.h"

#include <cstdint>

namespace w4::cases::explain {

/// The place of a weight in packed tensors, by the formulas of a right kernel. Rows are sorted and padded.
struct Place {
  int row = 0;
  int n = 0;
  int tile_k = 0, tile_n = 0;          // the 16 x 64 tile
  int word_row = 0, word_column = 0;   // of words (K/16, 2N)
  int slot = 0;                        // bits 4 * slot .. 4 * slot + 3 of that word
  int lane = 0, fragment = 0;          // word 4 * lane + fragment of the tile
  int mma = 0;                         // 0: columns 0..7 of the fragment's 16, 1: columns 8..15
  int element = 0;                     // of the lane's B operand: register element / 2, its half element % 2
  int group = 0;                       // row of scales and zeros
  int scale_place = 0;                 // column of scales (groups, N)
  int zero_column = 0, zero_slot = 0;  // of zeros (groups, N/8)
};

/// row in 0..K-1 and n in 0..N-1 of `packed`.
Place place_of(const repack::Packed& packed, int row, int n);

/// What a right kernel reads there.
struct Used {
  std::uint32_t word = 0;
  int code = 0;
  int zero = 0;
  std::uint16_t scale_bits = 0;
  double scale = 0;
  double weight() const { return scale * (code - zero); }
};
Used used_at(const repack::Packed& packed, const Place& place);

}  // namespace w4::cases::explain
