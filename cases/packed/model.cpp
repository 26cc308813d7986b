// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/model.h"

#include "fixtures/parallel.h"
#include "repack/stages/fragments.h"
#include "repack/stages/tiles.h"

#include <algorithm>
#include <optional>

namespace w4::cases::packed {
namespace {

using repack::kBlockN;
using repack::kTileCodes;
using repack::kTileK;
using repack::kTileN;
using repack::kTileWords;
using repack::tiles::kBlockCodes;
constexpr int kBlocks = kTileN / kBlockN;

/// Where a way of the stage puts the codes of a tile: read off tiles that hold their index, a digit at a time. None
/// when tiles differ or a code is lost.
std::optional<FragmentMap> map_of(const repack::Variant& variant) {
  constexpr int kSide = 128, kDigits = 3;
  repack::Weights w;
  w.K = w.N = w.group_size = w.kernel_group_size = kSide;
  std::array<FragmentMap, 2> maps{};  // of the first tile and the last
  for (int digit = 0; digit < kDigits; ++digit) {
    w.tiles = Grid<std::uint8_t>::from(kSide * kSide / kBlockCodes, kBlockCodes, [&](int block, int cell) {
      return (block % kBlocks * kBlockCodes + cell) >> (kBitsPerCode * digit) & 15;
    });
    const Grid<std::uint32_t> words = variant.apply(w).packed;
    for (std::size_t which = 0; which < maps.size(); ++which)
      for (int p = 0; p < kTileCodes; ++p)
        maps[which][static_cast<std::size_t>(p)] = static_cast<std::uint16_t>(
            maps[which][static_cast<std::size_t>(p)] |
            code_in(words, which == 0 ? 0 : kSide * kSide / kTileCodes - 1, p) << (kBitsPerCode * digit));
  }
  std::array<bool, kTileCodes> seen{};
  for (const int index : maps[0])
    if (index < kTileCodes) seen[static_cast<std::size_t>(index)] = true;
  if (maps[0] != maps[1] || std::ranges::count(seen, true) != kTileCodes) return std::nullopt;
  return maps[0];
}

}  // namespace

FragmentMap reference_fragments() {
  FragmentMap map;
  for (int p = 0; p < kTileCodes; ++p) {
    const auto at = repack::fragments::source_of({.word = p / kCodesPerWord, .slot = p % kCodesPerWord});
    map[static_cast<std::size_t>(p)] =
        static_cast<std::uint16_t>(at.n / kBlockN * kBlockCodes + at.k * kBlockN + at.n % kBlockN);
  }
  return map;
}

const std::vector<KnownFragments>& known_fragments() {
  static const std::vector<KnownFragments> known = [] {
    std::vector<KnownFragments> all;
    for (const repack::Variant& variant : repack::stage_of(StageId::fragments).variants.subspan(1)) {
      if (const auto map = map_of(variant); map && *map != reference_fragments()) {
        const std::string fault(variant.fault), id(variant.id);
        all.push_back({fault == id ? fault : fault + ":" + id, id, *map});
      }
    }
    return all;
  }();
  return known;
}

void WordsModel::tile(int t, TileCodes& out) const {
  const int blocks_n = padded_N / kBlockN;
  const auto padding = [&](int k, int n) -> std::uint8_t {
    if (padding_code >= 0) return static_cast<std::uint8_t>(padding_code);
    return k >= K && !padding_zeros.empty() ? padding_zeros(0, n) : static_cast<std::uint8_t>(kSymmetricZero);
  };
  const auto run_of = [&](int k, int n, int length, std::uint8_t* to) {
    const std::uint8_t* from = k < K ? codes.row(rows.empty() ? k : rows[static_cast<std::size_t>(k)]).data() : nullptr;
    for (int i = 0; i < length; ++i) to[i] = from != nullptr && n + i < N ? table[from[n + i]] : padding(k, n + i);
  };
  for (int b = 0; b < kBlocks; ++b) {
    const int place = t * kBlocks + b;
    const int block = order.blocks.empty() ? place : order.blocks[static_cast<std::size_t>(place)];
    for (int r = 0; r < kTileK; ++r) {
      std::uint8_t* to = &out[static_cast<std::size_t>(b * kBlockCodes + r * kBlockN)];
      const long long flat = 1LL * place * kBlockCodes + r * kBlockN;
      if (order.row_major)
        run_of(static_cast<int>(flat / padded_N), static_cast<int>(flat % padded_N), kBlockN, to);
      else
        run_of(block / blocks_n * kTileK + r, block % blocks_n * kBlockN, kBlockN, to);
    }
  }
}

Grid<std::uint32_t> WordsModel::words() const {
  return Grid<std::uint32_t>::made(padded_K / kTileK, 2 * padded_N, [&](std::span<std::uint32_t> out) {
    for_each_index(tiles(), [&](int t) {
      TileCodes from;
      tile(t, from);
      for (int w = 0; w < kTileWords; ++w) {
        std::uint32_t word = 0;
        for (int slot = 0; slot < kCodesPerWord; ++slot)
          word |= std::uint32_t{from[fragments[static_cast<std::size_t>(w * kCodesPerWord + slot)]]}
                  << (kBitsPerCode * slot);
        out[static_cast<std::size_t>(t) * kTileWords + static_cast<std::size_t>(w)] = word;
      }
    });
  });
}

void read_tile(const Grid<std::uint32_t>& words, int tile, const FragmentMap& map, TileCodes& out) {
  for (int p = 0; p < kTileCodes; ++p)
    out[map[static_cast<std::size_t>(p)]] = static_cast<std::uint8_t>(code_in(words, tile, p));
}

Counts counts_of(const Grid<std::uint8_t>& codes) {
  Counts counts{};
  for (const std::uint8_t code : codes.cells()) ++counts[code];
  return counts;
}

Counts counts_of(const Grid<std::uint32_t>& words) {
  std::array<long long, 256> bytes{};
  for (const std::uint32_t word : words.cells())
    for (int shift = 0; shift < 32; shift += 8) ++bytes[word >> shift & 0xFF];
  Counts counts{};
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) {
    counts[byte & 15] += bytes[byte];
    counts[byte >> 4] += bytes[byte];
  }
  return counts;
}

}  // namespace w4::cases::packed
