// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/fragments.h"

#include "fixtures/parallel.h"
#include "repack/stages/tiles.h"

#include <algorithm>
#include <array>

namespace w4::repack::fragments {
namespace {

using Words = Grid<std::uint32_t>;

/// Four blocks of a tile one after another, each row-major: where code (k, n) lies in them.
constexpr int index_of(Coord code) {
  return code.n / kBlockN * tiles::kBlockCodes + code.k * kBlockN + code.n % kBlockN;
}

/// For every place 8 * word + slot of a tile, the index of the code it takes.
using Map = std::array<std::uint16_t, kTileCodes>;

template <class F>
constexpr Map map_from(const F& index) {
  Map map{};
  for (int i = 0; i < kTileCodes; ++i)
    map[static_cast<std::size_t>(i)] =
        static_cast<std::uint16_t>(index(Slot{.word = i / kCodesPerWord, .slot = i % kCodesPerWord}));
  return map;
}

constexpr bool is_bijection(const Map& map) {
  std::array<bool, kTileCodes> taken{};
  for (const int i : map) taken[static_cast<std::size_t>(i)] = true;
  return std::all_of(taken.begin(), taken.end(), [](bool t) { return t; });
}

constexpr Map kReference = map_from([](Slot at) { return index_of(source_of(at)); });
constexpr Map kIdentity = map_from([](Slot at) { return kCodesPerWord * at.word + at.slot; });
constexpr Map kInterleaveOnly = map_from([](Slot at) { return kCodesPerWord * at.word + lop3_column(at.slot); });
constexpr Map kNoInterleave =
    map_from([](Slot at) { return index_of(element_of(at.word / kFragments, at.word % kFragments, at.slot)); });
constexpr Map kTwice = map_from([](Slot at) { return kReference[kReference[kCodesPerWord * at.word + at.slot]]; });
static_assert(is_bijection(kReference) && is_bijection(kIdentity) && is_bijection(kInterleaveOnly) &&
              is_bijection(kNoInterleave) && is_bijection(kTwice));

std::uint32_t packed_word(const std::uint8_t* tile, const std::uint16_t* source) {
  std::uint32_t word = 0;
  for (int slot = 0; slot < kCodesPerWord; ++slot) word |= std::uint32_t{tile[source[slot]]} << (kBitsPerCode * slot);
  return word;
}

Words packed(const Weights& w, const Map& map) {
  const int rows = w.padded_K() / kTileK;
  const int cols = 2 * w.padded_N();
  return Words::made(rows, cols, [&](std::span<std::uint32_t> out) {
    for_each_index(rows, [&](int r) {
      const std::uint8_t* codes = w.tiles.data() + static_cast<std::size_t>(r) * kTileK * w.padded_N();
      std::uint32_t* words = &out[static_cast<std::size_t>(r) * cols];
      for (int i = 0; i < cols; ++i)
        words[i] = packed_word(codes + static_cast<std::size_t>(i / kTileWords) * kTileCodes,
                               &map[static_cast<std::size_t>(i % kTileWords) * kCodesPerWord]);
    });
  });
}

template <const Map& kMap>
Weights with_map(const Weights& w) {
  Weights out = w;
  out.packed = packed(w, kMap);
  return out;
}

}  // namespace

Weights reference(const Weights& w) { return with_map<kReference>(w); }

Grid<std::uint8_t> tiles_of(const Words& packed) {
  const int blocks_n = packed.cols() / kTileWords * kFragments;
  return Grid<std::uint8_t>::made(packed.rows() * blocks_n, tiles::kBlockCodes, [&](std::span<std::uint8_t> out) {
    for_each_index(packed.rows() * blocks_n, [&](int block) {
      const std::uint32_t* tile = packed.row(block / blocks_n).data() + block % blocks_n / kFragments * kTileWords;
      for (int cell = 0; cell < tiles::kBlockCodes; ++cell) {
        const Slot at = place_of({.k = cell / kBlockN, .n = block % kFragments * kBlockN + cell % kBlockN});
        out[static_cast<std::size_t>(block) * tiles::kBlockCodes + cell] =
            static_cast<std::uint8_t>(code_at(tile[at.word], at.slot));
      }
    });
  });
}

namespace {

/// Steps of 32 rows: what is left over, 16 rows, is allocated and never written.
Weights tail_unwritten(const Weights& w) {
  Weights out = reference(w);
  if (w.K % (2 * kTileK) != kTileK) return out;
  const Words whole = out.packed;
  out.packed = Words::made(whole.rows(), whole.cols(), [&](std::span<std::uint32_t> words) {
    std::copy(whole.cells().begin(), whole.cells().end(), words.begin());
    const auto tail = words.subspan(static_cast<std::size_t>(w.K / kTileK - 1) * whole.cols(), whole.cols());
    std::fill(tail.begin(), tail.end(), kUnwrittenWord);
  });
  return out;
}

// The layout of fpA_intB kernels (FasterTransformer, TensorRT-LLM) on sm_80: K in steps of 64, of which four columns
// stand together, and eight rows of a column in a word, interleaved as here.
constexpr int kLayoutK = 64;
constexpr int kLayoutColumns = 4;
constexpr int kLayoutRows = 32;  // rows that are permuted among themselves: two mma of m16n8k16
constexpr int kStepWords = kLayoutK / kCodesPerWord * kLayoutColumns;

/// The row that stands in place r of 32: a lane finds what two mma take of a column in one word.
constexpr int layout_row(int r) { return 8 * (r % 8 / 2) + r % 2 + 2 * (r / 8); }
static_assert([] {
  std::array<bool, kLayoutRows> taken{};
  for (int r = 0; r < kLayoutRows; ++r) taken[static_cast<std::size_t>(layout_row(r))] = true;
  return std::all_of(taken.begin(), taken.end(), [](bool t) { return t; });
}());

std::uint32_t arch_word(const Weights& w, int index) {
  const int step = index / kStepWords, steps = w.padded_K() / kLayoutK;
  const int n = kLayoutColumns * (step / steps) + index % kStepWords / (kLayoutK / kCodesPerWord);
  const int first = step % steps * kLayoutK + index % (kLayoutK / kCodesPerWord) * kCodesPerWord;
  std::uint32_t word = 0;
  for (int slot = 0; slot < kCodesPerWord; ++slot) {
    const int r = first + lop3_column(slot);
    const int k = r / kLayoutRows * kLayoutRows + layout_row(r % kLayoutRows);
    const tiles::Place at = tiles::place_of(k, n, w.padded_N());
    word |= std::uint32_t{w.tiles(at.block, at.cell)} << (kBitsPerCode * slot);
  }
  return word;
}

Weights arch_layout(const Weights& w) {
  Weights out = w;
  out.packed = Words::made(w.padded_K() / kTileK, 2 * w.padded_N(), [&](std::span<std::uint32_t> words) {
    for_each_index(static_cast<int>(words.size()),
                   [&](int i) { words[static_cast<std::size_t>(i)] = arch_word(w, i); });
  });
  return out;
}

constexpr Variant kVariants[] = {
    {"reference", "", reference, "", "", ""},
    {"identity", "perm1024-partial", with_map<kIdentity>, "leaves out the permutation inside a tile",
     "permute the 1024 codes of each 16 x 64 tile into mma fragments, with the order 0 2 4 6 1 3 5 7 in each word",
     "always"},
    {"interleave-only", "perm1024-partial", with_map<kInterleaveOnly>,
     "applies only the order 0 2 4 6 1 3 5 7 inside a word, not the permutation inside a tile",
     "permute the 1024 codes of each 16 x 64 tile into mma fragments before interleaving", "always"},
    {"no-interleave", "perm1024-partial", with_map<kNoInterleave>,
     "permutes inside a tile, but leaves out the order 0 2 4 6 1 3 5 7 inside a word",
     "regroup each eight codes of the permutation as 0 2 4 6 1 3 5 7", "always"},
    {"perm-applied-twice", "perm-applied-twice", with_map<kTwice>, "applies the permutation inside a tile twice",
     "permute once: either in the converter or in the loader", "always"},
    {"repack-tail-unwritten", "repack-tail-unwritten", tail_unwritten,
     "walks K in steps of 32 and leaves the last 16 rows unwritten",
     "walk K in steps of 16, or pad it before repacking", "K leaves 16 when divided by 32"},
    {"layout-variant-arch", "layout-variant-arch", arch_layout,
     "writes another library's layout of the same size: fpA_intB's for sm_80, four columns interleaved in steps of 64",
     "use the repack that belongs to the kernel, and choose both by the same architecture", "always"},
};

}  // namespace

Stage stage() { return {StageId::fragments, "inside a tile: lane, word, slot", kVariants}; }

}  // namespace w4::repack::fragments
