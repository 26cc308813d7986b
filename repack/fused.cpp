// SPDX-License-Identifier: Apache-2.0
#include "fixtures/parallel.h"
#include "repack/packed.h"
#include "repack/stages/act_order.h"
#include "repack/stages/checkpoint.h"
#include "repack/stages/scale_order.h"
#include "repack/stages/scales.h"
#include "repack/stages/tiles.h"
#include "repack/stages/zero_points.h"

#include <algorithm>
#include <vector>

// Every format is first brought into GPTQ's: a word holds eight rows of a column, slot i the i-th row. Two such words
// are a column of a tile. Moving nibbles and bytes of them gives the tile's words.

namespace w4::repack {
namespace {

using fixtures::Format;

constexpr std::uint32_t kEvenSlots = 0x0F0F0F0F;
constexpr std::uint32_t kEverySlot = 0x11111111;
constexpr int kHalfTile = kTileK / 2;  // rows in a column word

/// Puts the codes of stored row k into `slot` of each column's word.
void add_row(const Weights& w, int k, int slot, std::uint32_t* out) {
  const int to = kBitsPerCode * slot;
  const int from = kBitsPerCode * (k % kCodesPerWord);
  switch (w.format) {
    case Format::gptq: {
      const std::uint32_t* words = w.words.row(k / kCodesPerWord).data();
      for (int n = 0; n < w.N; ++n) out[n] |= (words[n] >> from & kCodeMask) << to;
      return;
    }
    case Format::awq: {
      for (const std::uint32_t word : w.words.row(k)) {
        for (int i = 0; i < kCodesPerWord; ++i) out[awq_column(i)] |= (word >> kBitsPerCode * i & kCodeMask) << to;
        out += kCodesPerWord;
      }
      return;
    }
    case Format::compressed_tensors: {
      for (int n = 0; n < w.N; ++n) out[n] |= (w.words(n, k / kCodesPerWord) >> from & kCodeMask) << to;
      return;
    }
    case Format::pair_packed: {
      const std::uint8_t* pairs = w.pairs.row(k / 2).data();
      const int half = kBitsPerCode * (k % 2);
      for (int n = 0; n < w.N; ++n) out[n] |= (pairs[n] >> half & kCodeMask) << to;
      return;
    }
  }
}

void add_padding(const Weights& w, int k, int slot, std::uint32_t* out) {
  for (int n = 0; n < w.N; ++n)
    out[n] |= static_cast<std::uint32_t>(tiles::padding_code(w, k, n)) << kBitsPerCode * slot;
}

/// Rows k..k+7 in the kernel's order, a word a column, Np of them.
void column_words(const Weights& w, int k, std::span<std::uint32_t> out) {
  for (int n = w.N; n < w.padded_N(); ++n)
    out[static_cast<std::size_t>(n)] = static_cast<std::uint32_t>(tiles::padding_code(w, k, n)) * kEverySlot;
  if (w.format == Format::gptq && w.row_order.empty() && k + kHalfTile <= w.K) {  // stored as column words
    const auto words = w.words.row(k / kCodesPerWord);
    std::copy(words.begin(), words.end(), out.begin());
    return;
  }
  std::fill_n(out.begin(), w.N, 0u);
  for (int slot = 0; slot < kHalfTile; ++slot, ++k) {
    if (k >= w.K)
      add_padding(w, k, slot, out.data());
    else
      add_row(w, w.row_order.empty() ? k : w.row_order(0, k), slot, out.data());
  }
}

constexpr std::uint32_t byte_of(std::uint32_t word, int i) { return word >> 8 * i & 0xFF; }

/// The 128 words of a tile from its columns' words, rows 0..7 and 8..15. Word 4 * lane + j takes rows 2 (lane % 4) +
/// {0, 1} of both halves, in columns 16j + lane / 4 and 8 further: one byte of each of four words (compare
/// fragments.h).
void tile_words(const std::uint32_t* upper, const std::uint32_t* lower, std::uint32_t* out) {
  std::uint32_t even[kTileN];  // even rows: byte i has row 2i in its low half, row 8 + 2i in its high half
  std::uint32_t odd[kTileN];
  for (int n = 0; n < kTileN; ++n) {
    even[n] = (upper[n] & kEvenSlots) | (lower[n] & kEvenSlots) << kBitsPerCode;
    odd[n] = (upper[n] >> kBitsPerCode & kEvenSlots) | (lower[n] & ~kEvenSlots);
  }
  for (int j = 0; j < kTileN / kBlockN; ++j)
    for (int c = 0; c < kBlockN / 2; ++c) {
      const int n = kBlockN * j + c;
      const int m = n + kBlockN / 2;
      for (int i = 0; i < 4; ++i)
        out[16 * c + 4 * i + j] =
            byte_of(even[n], i) | byte_of(even[m], i) << 8 | byte_of(odd[n], i) << 16 | byte_of(odd[m], i) << 24;
    }
}

Grid<std::uint32_t> packed_words(const Weights& w) {
  const int rows = w.padded_K() / kTileK;
  const int columns = w.padded_N();
  return Grid<std::uint32_t>::made(rows, 2 * columns, [&](std::span<std::uint32_t> out) {
    for_each_index(rows, [&](int r) {
      std::vector<std::uint32_t> halves(2 * static_cast<std::size_t>(columns));
      const std::span upper = std::span(halves).first(static_cast<std::size_t>(columns));
      const std::span lower = std::span(halves).last(static_cast<std::size_t>(columns));
      column_words(w, kTileK * r, upper);
      column_words(w, kTileK * r + kHalfTile, lower);
      std::uint32_t* words = &out[static_cast<std::size_t>(r) * 2 * columns];
      for (int n = 0; n < columns; n += kTileN) tile_words(&upper[n], &lower[n], words + 2 * n);
    });
  });
}

}  // namespace

Packed repack_fused(const fixtures::Layer& layer) {
  Weights w = checkpoint::reference(weights_of(layer));
  w = scale_order::reference(scales::reference(act_order::reference(zero_points::reference(w))));
  w.packed = packed_words(w);
  return packed_of(w);
}

}  // namespace w4::repack
