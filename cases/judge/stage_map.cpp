// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/stage_map.h"

#include "fixtures/error.h"
#include "repack/stages/stage.h"

#include <algorithm>
#include <cstdint>
#include <map>

namespace w4::cases::judge {
namespace {

using repack::Weights;
using Way = std::function<Weights(const Weights&)>;
using ValueAt = std::function<std::uint32_t(std::size_t index)>;

constexpr std::size_t kMostValues = std::size_t{1} << 22;  // a run of the stage for every digit of the index
constexpr int kMostRows = 1024;
constexpr int kSpan = 64;      // columns of scales and zero points that are drawn
constexpr int kCodesSide = 8;  // of a square of codes: words lie along either side
constexpr std::uint32_t kRadix = 16;
constexpr std::uint32_t kScaleRadix = 1 << 15;

/// Values of a stage's input that can carry a number, and the places where they may end up.
struct Tags {
  std::string what;
  std::size_t count;    // of values, with indices from 0
  std::uint32_t radix;  // a value holds a number below it
  std::function<Weights(const ValueAt&)> tagged;
  std::function<std::vector<std::uint32_t>(const Weights& made)> places;
};

template <class T>
Grid<T> grid_with(const Grid<T>& like, const std::function<std::uint32_t(int, int)>& value) {
  return Grid<T>::from(like.rows(), like.cols(), value);
}

/// Words of 4-bit values, index by index.
template <class T>
Grid<T> words_with(const Grid<T>& like, const ValueAt& value) {
  constexpr std::size_t kPerWord = 2 * sizeof(T);
  return grid_with(like, [&](int r, int c) {
    const std::size_t first = (static_cast<std::size_t>(r) * like.cols() + c) * kPerWord;
    std::uint32_t word = 0;
    for (std::size_t slot = 0; slot < kPerWord; ++slot) word |= value(first + slot) << (kBitsPerCode * slot);
    return word;
  });
}

template <class At>
std::vector<std::uint32_t> values(int count, const At& at) {
  std::vector<std::uint32_t> out;
  for (int i = 0; i < count; ++i) out.push_back(at(i));
  return out;
}

Tags stored_codes(const Weights& w) {
  return {.what = fmt::format("places of {0} x {0} codes", kCodesSide),
          .count = std::max(w.words.size() * kCodesPerWord, w.pairs.size() * 2),
          .radix = kRadix,
          .tagged =
              [&w](const ValueAt& value) {
                Weights out = w;
                out.words = words_with(w.words, value);
                out.pairs = words_with(w.pairs, value);
                return out;
              },
          .places =
              [](const Weights& made) {
                const auto at = [&](int i) { return made.codes(i / kCodesSide, i % kCodesSide); };
                return values(kCodesSide * kCodesSide, at);
              }};
}

Tags stored_zero_points(const Weights& w) {
  return {.what = fmt::format("places of {} columns' zero points", std::min(w.N, kSpan)),
          .count = w.zero_words.size() * kCodesPerWord,
          .radix = kRadix,
          .tagged =
              [&w](const ValueAt& value) {
                Weights out = w;
                out.zero_words = words_with(w.zero_words, value);
                return out;
              },
          .places =
              [](const Weights& made) {
                const int count = made.zeros.empty() ? 0 : std::min(made.zeros.cols(), kSpan);
                return values(count, [&](int n) { return made.zeros(0, n); });
              }};
}

Tags rows_of_codes(const Weights& w) {
  const int rows = std::min(w.K, kMostRows);
  return {.what = fmt::format("places of {} rows of K", rows),
          .count = static_cast<std::size_t>(w.K),
          .radix = kRadix,
          .tagged =
              [&w](const ValueAt& value) {
                Weights out = w;
                out.codes = grid_with(w.codes, [&](int k, int) { return value(static_cast<std::size_t>(k)); });
                return out;
              },
          .places = [rows](const Weights& made) { return values(rows, [&](int i) { return made.codes(i, 0); }); }};
}

/// The order of A's columns holds indices already: nothing needs tagging.
Tags columns_of_A(const Weights& w) {
  const int columns = std::min(w.K, kMostRows);
  return {.what = fmt::format("places of {} columns of A", columns),
          .count = 1,
          .radix = kRadix,
          .tagged = [&w](const ValueAt&) { return w; },
          .places =
              [columns](const Weights& made) {
                return values(columns, [&](int i) {
                  return static_cast<std::uint32_t>(made.column_order.empty() ? i : made.column_order(0, i));
                });
              }};
}

Tags scales(const Weights& w) {
  return {
      .what = fmt::format("places of {} columns' scales", kSpan),
      .count = static_cast<std::size_t>(w.scales.cols()),
      .radix = kScaleRadix,
      .tagged =
          [&w](const ValueAt& value) {
            Weights out = w;
            out.scales = grid_with(w.scales, [&](int, int n) { return value(static_cast<std::size_t>(n)); });
            return out;
          },
      .places = [](const Weights& made) { return values(kSpan, [&](int p) { return made.ordered_scales(0, p); }); }};
}

Tags zero_points(const Weights& w) {
  return {
      .what = fmt::format("places of {} columns' zero points", kSpan),
      .count = static_cast<std::size_t>(w.kernel_zeros.cols()),
      .radix = kRadix,
      .tagged =
          [&w](const ValueAt& value) {
            Weights out = w;
            out.kernel_zeros =
                grid_with(w.kernel_zeros, [&](int, int n) { return value(static_cast<std::size_t>(n)); });
            return out;
          },
      .places =
          [](const Weights& made) {
            return values(kSpan, [&](int p) {
              return static_cast<std::uint32_t>(code_at(made.ordered_zeros(0, p / kCodesPerWord), p % kCodesPerWord));
            });
          }};
}

Tags codes_in_tiles(const Weights& w) {
  const bool padded = w.padded_K() != w.K || w.padded_N() != w.N;  // padding cannot be tagged
  return {.what = "places of the codes of the first tile, block by block",
          .count = padded ? 0 : w.codes.size(),
          .radix = kRadix,
          .tagged =
              [&w](const ValueAt& value) {
                Weights out = w;
                out.codes = grid_with(w.codes, [&](int k, int n) {
                  return value(static_cast<std::size_t>(k) * static_cast<std::size_t>(w.N) + n);
                });
                return out;
              },
          .places =
              [](const Weights& made) {
                return values(repack::kTileCodes, [&](int p) { return made.tiles[static_cast<std::size_t>(p)]; });
              }};
}

Tags codes_in_words(const Weights& w) {
  return {.what = "places of the codes of the first tile, word by word",
          .count = w.tiles.size(),
          .radix = kRadix,
          .tagged =
              [&w](const ValueAt& value) {
                Weights out = w;
                out.tiles = grid_with(w.tiles, [&](int block, int cell) {
                  return value(static_cast<std::size_t>(block) * w.tiles.cols() + cell);
                });
                return out;
              },
          .places =
              [](const Weights& made) {
                return values(repack::kTileCodes, [&](int p) {
                  return static_cast<std::uint32_t>(
                      code_at(made.packed[static_cast<std::size_t>(p / kCodesPerWord)], p % kCodesPerWord));
                });
              }};
}

std::vector<Tags> tags_of(StageId stage, const Weights& w) {
  switch (stage) {
    case StageId::codes: return {stored_codes(w)};
    case StageId::zero_points: return {stored_zero_points(w)};
    case StageId::act_order: return {rows_of_codes(w), columns_of_A(w)};
    case StageId::scale_order: return {scales(w), zero_points(w)};
    case StageId::tiles: return {codes_in_tiles(w)};
    case StageId::fragments: return {codes_in_words(w)};
    default: return {};
  }
}

/// The contents of each place over one run for every digit of the index and one of inverted first digits: a place that
/// received no value matches none.
std::vector<std::uint64_t> seen_at_places(const Tags& tags, const Way& way) {
  std::vector<std::uint64_t> seen;
  const auto look = [&](const ValueAt& value) {
    const std::vector<std::uint32_t> now = tags.places(way(tags.tagged(value)));
    seen.resize(now.size());
    for (std::size_t p = 0; p < now.size(); ++p) seen[p] = seen[p] * 2 * tags.radix + now[p];
  };
  look([&](std::size_t i) { return tags.radix - 1 - static_cast<std::uint32_t>(i % tags.radix); });
  for (std::size_t unit = 1; unit < tags.count || unit == 1; unit *= tags.radix)
    look([&](std::size_t i) { return static_cast<std::uint32_t>(i / unit % tags.radix); });
  return seen;
}

std::optional<StageMap> map_of(const Tags& tags, const Way& way, const Way& reference) {
  if (tags.count == 0 || tags.count > kMostValues) return std::nullopt;
  const std::vector<std::uint64_t> right = seen_at_places(tags, reference), seen = seen_at_places(tags, way);
  std::map<std::uint64_t, int> place_of;
  for (std::size_t p = 0; p < right.size(); ++p) place_of.emplace(right[p], static_cast<int>(p));
  StageMap map{.what = tags.what, .source = {}};
  bool moves = false;
  for (const std::uint64_t value : seen) {
    const auto found = place_of.find(value);
    const int source = found == place_of.end() ? -1 : found->second;
    moves = moves || (source >= 0 && source != static_cast<int>(map.source.size()));
    map.source.push_back(source);
  }
  return moves && seen.size() == right.size() ? std::optional(map) : std::nullopt;
}

}  // namespace

std::optional<StageMap> map_of_stage(StageId stage, const Weights& before, const Way& way) {
  const auto& reference = repack::stage_of(stage).variants[0].apply;
  try {
    for (const Tags& tags : tags_of(stage, before))
      if (std::optional<StageMap> map = map_of(tags, way, reference)) return map;
  } catch (const Error&) {  // the stage cannot run on these values: no map
  }
  return std::nullopt;
}

}  // namespace w4::cases::judge
