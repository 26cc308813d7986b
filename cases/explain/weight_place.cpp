// SPDX-License-Identifier: Apache-2.0
#include "cases/explain/weight_place.h"

#include "fixtures/half.h"
#include "repack/stages/fragments.h"
#include "repack/stages/scale_order.h"

namespace w4::cases::explain {

Place place_of(const repack::Packed& packed, int row, int n) {
  const auto [word, slot] = repack::fragments::place_of({.k = row % repack::kTileK, .n = n % repack::kTileN});
  const int zero_place = repack::scale_order::place_of_column(n, false);
  Place place{.row = row, .n = n, .tile_k = row / repack::kTileK, .tile_n = n / repack::kTileN};
  place.word_row = place.tile_k;
  place.word_column = place.tile_n * repack::kTileWords + word;
  place.slot = slot;
  place.lane = word / repack::fragments::kFragments;
  place.fragment = word % repack::fragments::kFragments;
  place.mma = slot % 4 / 2;  // the inverse of kernel::slot_of(mma, element)
  place.element = 2 * (slot % 2) + slot / 4;
  place.group = packed.one_group() ? 0 : row / packed.group_size;
  place.scale_place = repack::scale_order::place_of_column(n, packed.one_group());
  place.zero_column = zero_place / kCodesPerWord;
  place.zero_slot = lop3_slot(zero_place % kCodesPerWord);
  return place;
}

Used used_at(const repack::Packed& packed, const Place& place) {
  Used used;
  used.word = packed.words(place.word_row, place.word_column);
  used.code = code_at(used.word, place.slot);
  used.zero =
      packed.zeros.empty() ? kSymmetricZero : code_at(packed.zeros(place.group, place.zero_column), place.zero_slot);
  used.scale_bits = packed.scales(place.group, place.scale_place);
  used.scale = value_of(used.scale_bits, packed.dtype);
  return used;
}

}  // namespace w4::cases::explain
