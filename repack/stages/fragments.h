// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage.h"

namespace w4::repack::fragments {

inline constexpr int kLanes = 32;
inline constexpr int kFragments = 4;  // a lane's words in a tile: one 16-byte load

/// A code of the 16 x 64 tile, or a place in its 128 words.
struct Coord {
  int k, n;
};
struct Slot {
  int word, slot;
};

/// Element e of a lane's B fragments of two mma.m16n8k16, columns 0..7 and 8..15 of a 16 x 16 block (PTX ISA, matrix
/// fragments for mma.m16n8k16).
constexpr Coord element_of(int lane, int fragment, int e) {
  return {.k = 2 * (lane % 4) + e % 2 + 8 * (e / 2 % 2), .n = 16 * fragment + lane / 4 + 8 * (e / 4)};
}

/// What a slot of word 4 * lane + fragment holds. Slots b and b+4 leave the dequantisation as one pair of 16-bit
/// numbers, so they hold neighbouring elements.
constexpr Coord source_of(Slot place) {
  const int e = 2 * (place.slot % 4) + place.slot / 4;
  return element_of(place.word / kFragments, place.word % kFragments, e);
}

/// Where code (k, n) of a tile lies: the inverse, from its own formula.
constexpr Slot place_of(Coord code) {
  const int lane = 4 * (code.n % 8) + code.k % 8 / 2;
  const int e = code.k % 2 + 2 * (code.k / 8) + 4 * (code.n % 16 / 8);
  return {.word = kFragments * lane + code.n / 16, .slot = e / 2 + 4 * (e % 2)};
}

static_assert([] {  // every code has a place, and finds itself there: with as many places as codes, a bijection
  for (int k = 0; k < kTileK; ++k)
    for (int n = 0; n < kTileN; ++n) {
      const Slot place = place_of({k, n});
      const Coord back = source_of(place);
      if (back.k != k || back.n != n || place.word >= kTileWords || place.slot >= kCodesPerWord) return false;
    }
  return kLanes * kFragments * kCodesPerWord == kTileCodes;
}());

/// Blocks (Kp/16 * Np/16, 256) to words (Kp/16, 2 Np).
Weights reference(const Weights& w);

/// The inverse: blocks of words (Kp/16, 2 Np).
Grid<std::uint8_t> tiles_of(const Grid<std::uint32_t>& packed);

Stage stage();

}  // namespace w4::repack::fragments
