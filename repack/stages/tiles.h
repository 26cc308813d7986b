// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage.h"

namespace w4::repack::tiles {

inline constexpr int kBlockCodes = kTileK * kBlockN;

/// Where a code of the padded (Kp, Np) matrix lies: its 16 x 16 block, and its cell in that.
struct Place {
  int block;
  int cell;
};
constexpr Place place_of(int k, int n, int Np) {
  return {.block = k / kTileK * (Np / kBlockN) + n / kBlockN, .cell = k % kTileK * kBlockN + n % kBlockN};
}

/// The code of padding, (k, n) outside the layer: its zero point, so that it weighs nothing whatever its scale.
int padding_code(const Weights& w, int k, int n);

/// Codes (K, N) into blocks (Kp/16 * Np/16, 256), padded.
Weights reference(const Weights& w);

/// The inverse: codes (K, N) of blocks that hold Np columns.
Grid<std::uint8_t> codes_of(const Grid<std::uint8_t>& tiles, int K, int N, int Np);

Stage stage();

}  // namespace w4::repack::tiles
