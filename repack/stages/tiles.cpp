// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/tiles.h"

#include "fixtures/parallel.h"
#include "repack/stages/codes.h"
#include "repack/stages/scale_order.h"

#include <algorithm>

namespace w4::repack::tiles {

int padding_code(const Weights& w, int k, int n) {
  if (w.kernel_zeros.empty()) return kSymmetricZero;
  return w.kernel_zeros(w.one_group() ? 0 : k / w.kernel_group_size, n);
}

namespace {

using Codes = Grid<std::uint8_t>;
using Padding = int (*)(const Weights&, int k, int n);

/// Row k of the padded codes, Np of them.
void padded_row(const Weights& w, int k, Padding padding, std::span<std::uint8_t> out) {
  int n = 0;
  if (k < w.K) {
    const auto row = w.codes.row(k);
    std::copy(row.begin(), row.end(), out.begin());
    n = w.N;
  }
  for (; n < w.padded_N(); ++n) out[static_cast<std::size_t>(n)] = static_cast<std::uint8_t>(padding(w, k, n));
}

/// (Kp, Np) row-major; the codes themselves where there is nothing to pad.
Codes padded(const Weights& w, Padding padding) {
  const int cols = w.padded_N();
  if (w.padded_K() == w.K && cols == w.N) return w.codes;
  return Codes::made(w.padded_K(), cols, [&](std::span<std::uint8_t> out) {
    for_each_index(w.padded_K(),
                   [&](int k) { padded_row(w, k, padding, out.subspan(static_cast<std::size_t>(k) * cols, cols)); });
  });
}

/// Cuts padded codes into blocks; block_index(k / 16, n / 16) says where each goes.
template <class BlockIndex>
Codes blocks_of(const Codes& codes, const BlockIndex& block_index) {
  const int blocks_n = codes.cols() / kBlockN;
  const int rows = codes.rows() / kTileK;
  return Codes::made(rows * blocks_n, kBlockCodes, [&](std::span<std::uint8_t> out) {
    for_each_index(rows, [&](int block_k) {
      for (int k = 0; k < kTileK; ++k) {
        const std::uint8_t* from = codes.row(block_k * kTileK + k).data();
        for (int block_n = 0; block_n < blocks_n; ++block_n, from += kBlockN)
          std::copy_n(from, kBlockN,
                      &out[static_cast<std::size_t>(block_index(block_k, block_n)) * kBlockCodes + k * kBlockN]);
      }
    });
  });
}

Weights tiled(const Weights& w, Padding padding) {
  const int blocks_n = w.padded_N() / kBlockN;
  Weights out = w;
  out.tiles = blocks_of(padded(w, padding), [&](int block_k, int block_n) { return block_k * blocks_n + block_n; });
  return out;
}

}  // namespace

Weights reference(const Weights& w) { return tiled(w, padding_code); }

Codes codes_of(const Codes& tiles, int K, int N, int Np) {
  return Codes::made(K, N, [&](std::span<std::uint8_t> out) {
    for_each_index(K, [&](int k) {
      for (int n = 0; n < N; ++n) {
        const Place place = place_of(k, n, Np);
        out[static_cast<std::size_t>(k) * N + n] = tiles(place.block, place.cell);
      }
    });
  });
}

namespace {

/// The buffer (K, N) read as (N, K) and transposed: code (k, n) is read at n * K + k.
Weights transposed(const Weights& w) {
  Weights turned = w;
  turned.codes = Codes::from(w.K, w.N, [&](int k, int n) { return w.codes[static_cast<std::size_t>(n) * w.K + k]; });
  Weights out = reference(turned);
  out.codes = w.codes;
  return out;
}

Weights order_swapped(const Weights& w) {
  const int blocks_k = w.padded_K() / kTileK;
  Weights out = w;
  out.tiles =
      blocks_of(padded(w, padding_code), [&](int block_k, int block_n) { return block_n * blocks_k + block_k; });
  return out;
}

Weights untiled(const Weights& w) {
  const Codes rows = padded(w, padding_code);
  Weights out = w;
  out.tiles = codes::with_shape(rows, static_cast<int>(rows.size()) / kBlockCodes, kBlockCodes);
  return out;
}

/// Scales in the kernel's order whose padding repeats the last real column, and the last real group.
Grid<std::uint16_t> leaking_scales(const Weights& w) {
  const int last_group = (w.K - 1) / w.kernel_group_size;
  const Grid<std::uint16_t>& right = w.ordered_scales;
  return Grid<std::uint16_t>::from(right.rows(), w.padded_N(), [&](int g, int place) {
    const bool padding = scale_order::column_of_place(place, w.one_group()) >= w.N;
    const int from = padding ? scale_order::place_of_column(w.N - 1, w.one_group()) : place;
    return right(std::min(g, last_group), from);
  });
}

/// Padding of code 0 weighs -8 scales when its scale is that of its neighbour. Only both together leak, so both are set
/// here, although scales have a stage of their own.
Weights padding_leaks(const Weights& w) {
  Weights out = tiled(w, [](const Weights&, int, int) { return 0; });
  out.ordered_scales = leaking_scales(w);
  return out;
}

constexpr Variant kVariants[] = {
    {"reference", "", reference, "", "", ""},
    {"repack-transpose", "repack-transpose", transposed, "transposes the codes: takes (K, N) for (N, K)",
     "GPTQ's (K, N) is the weight's transpose already: do not transpose it again", "always"},
    {"tile-order-swap", "tile-order-swap", order_swapped, "stores the 16 x 16 blocks column by column of blocks",
     "lay blocks out as (K/16, N/16, 16, 16), those of 16 rows of K one after another", "always"},
    {"untiled", "", untiled, "leaves the codes row-major, not tiled", "", "always"},
    {"pad-nonzero-leak", "pad-nonzero-leak", padding_leaks,
     "pads with codes of 0 and with the scales of the last column and group: padding weighs -8 scales",
     "pad scales with 0, and codes with the zero point", "K or N is not a multiple of 64"},
};

}  // namespace

Stage stage() { return {StageId::tiles, "(K,N) into tiles", kVariants}; }

}  // namespace w4::repack::tiles
