// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage.h"

#include <cstdint>
#include <memory>

namespace w4::repack::codes {

/// Words or pairs to codes (K, N), rows as stored.
Weights reference(const Weights& w);

Stage stage();

/// Adds one to the slot after every code of 15 and leaves 0 in its place: 16 where 15 is the largest. The carry of
/// the last slot is lost, as in 32-bit arithmetic.
constexpr std::uint32_t spilled(std::uint32_t word) {
  std::uint32_t full = word & word >> 1;
  full &= full >> 2;
  return word + (full & 0x11111111u);
}
static_assert(spilled(0x0000000Fu) == 0x00000010u && spilled(0xF0000000u) == 0 && spilled(0x7FEDCBA9u) == 0x80EDCBA9u);

/// The same cells in another shape of the same size.
template <class T>
Grid<T> with_shape(const Grid<T>& grid, int rows, int cols) {
  return Grid<T>::viewing(rows, cols, grid.data(), std::make_shared<const Grid<T>>(grid));
}

}  // namespace w4::repack::codes
