// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/grid.h"
#include "fixtures/layer/codes.h"
#include "fixtures/layer/cut.h"
#include "fixtures/layer/layer.h"

#include <cstdint>
#include <memory>

namespace w4::repack {

/// Sizes of the Marlin format: a tile is 16 (K) x 64 (N) codes, four 16 x 16 blocks, 128 words.
inline constexpr int kTileK = 16;
inline constexpr int kTileN = 64;
inline constexpr int kBlockN = 16;
inline constexpr int kTileCodes = kTileK * kTileN;
inline constexpr int kTileWords = kTileCodes / kCodesPerWord;
inline constexpr int kPadK = 64;  // K and N of a packed layer are multiples of these
inline constexpr int kPadN = 64;

/// Initial value of packed words, so that a word that is never written is seen.
inline constexpr std::uint32_t kUnwrittenWord = 0xDEADBEEF;
/// Value read beyond the last row of scales: a NaN in fp16 and in bf16, with a payload of its own.
inline constexpr std::uint16_t kGuardScale = 0x7FE5;

struct CutFrom;

/// The value that flows through the eight repacking stages. Each stage reads what stands above its own members and sets
/// those; copying is cheap, all arrays are shared. K and N are the layer's, Kp and Np padded to kPadK and kPadN;
/// G = groups() stored, Gk = number of groups the kernel sees, 1 when one group covers the column.
struct Weights {
  // As stored. Set by weights_of(); `checkpoint` may reinterpret them.
  fixtures::Format format = fixtures::Format::gptq;
  fixtures::ZeroEncoding zero_encoding = fixtures::ZeroEncoding::minus_one;
  bool symmetric = true;
  DType dtype = DType::fp16;
  int K = 0;
  int N = 0;
  int group_size = 0;                 // rows of K that share a stored scale
  int kernel_group_size = 0;          // the same as the kernel is told: 32, 64, 128 or K
  Grid<std::uint32_t> words;          // gptq (K/8, N), awq (K, N/8), compressed-tensors (N, K/8)
  Grid<std::uint8_t> pairs;           // pair-packed only (K/2, N)
  Grid<std::uint32_t> zero_words;     // gptq, awq (G, N/8), compressed-tensors (N/8, G); empty: none stored
  Grid<std::uint16_t> float_zeros;    // pair-packed only (G, N), bf16 bits
  Grid<std::uint16_t> stored_scales;  // (G, N), compressed-tensors (N, G)
  Grid<std::int32_t> g_idx;           // 1 x K, empty: row k is in group k / group_size
  Grid<std::uint16_t> bias;           // 1 x N, empty: none
  std::shared_ptr<const CutFrom> cut_from = nullptr;  // what this layer is a cut of; null: it is whole

  Grid<std::uint8_t> codes;  // `codes`: (K, N) rows as stored; `act_order` replaces it with rows sorted by group

  Grid<std::uint8_t> zeros;  // `zero_points`: (G, N); empty: symmetric, 8 everywhere

  Grid<std::int32_t> row_order;     // `act_order`: 1 x K, row i of codes is stored row row_order[i]; empty: as stored
  Grid<std::int32_t> column_order;  // `act_order`: 1 x K, column of A that meets row i of codes; empty: column i
  Grid<std::int32_t> row_group;     // `act_order`: 1 x K, the stored group that row i of codes belongs to

  Grid<std::uint16_t> scales;       // `scales`: (Gk, Np), natural column order, zero in the padding
  Grid<std::uint8_t> kernel_zeros;  // `scales`: (Gk, Np), natural column order, 8 in the padding; empty: symmetric

  Grid<std::uint16_t> ordered_scales;  // `scale_order`: (Gk, Np), the kernel's order
  Grid<std::uint32_t> ordered_zeros;   // `scale_order`: (Gk, Np/8), the kernel's order; empty: symmetric

  Grid<std::uint8_t> tiles;  // `tiles`: (Kp/16 * Np/16, 256): 16 x 16 blocks, those of 16 rows of K one after another

  Grid<std::uint32_t> packed;  // `fragments`: (Kp/16, 2 Np)

  int padded_K() const { return (K + kPadK - 1) / kPadK * kPadK; }
  int padded_N() const { return (N + kPadN - 1) / kPadN * kPadN; }
  /// Rows of scales that are stored: K / group_size, when group_size is right.
  int groups() const {
    return format == fixtures::Format::compressed_tensors ? stored_scales.cols() : stored_scales.rows();
  }
  bool one_group() const { return kernel_group_size >= K; }
  int kernel_groups() const { return one_group() ? 1 : padded_K() / kernel_group_size; }
};

/// The layer that another is a cut of, as stored; it may be a cut itself.
struct CutFrom {
  fixtures::Cut cut;
  Weights whole;
};

/// The layer's tensors as they are, nothing transformed.
Weights weights_of(const fixtures::Layer& layer);

}  // namespace w4::repack
