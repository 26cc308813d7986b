// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/region.h"

#include "cases/probe/region.h"
#include "fixtures/random/counter_random.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace w4::cases::packed {
namespace {

using Words = Grid<std::uint32_t>;
using repack::kTileWords;
constexpr std::size_t kLeastWords = 16;  // fewer are no region: a flipped bit is no unwritten tail

std::vector<bool> differing(const Words& seen, const Words& made) {
  std::vector<bool> differs(seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i) differs[i] = seen[i] != made[i];
  return differs;
}

/// Seen words where they differ from the model's and `other` has the same; the model's elsewhere. Empty unless all do.
template <class At>
Words filled(const Words& seen, const Words& made, const At& other) {
  bool all = true;
  Words words = Words::made(seen.rows(), seen.cols(), [&](std::span<std::uint32_t> out) {
    for (std::size_t i = 0; i < out.size() && all; ++i) {
      out[i] = made[i];
      if (seen[i] == made[i]) continue;
      out[i] = other(i);
      all = out[i] == seen[i];
    }
  });
  return all ? words : Words{};
}

std::vector<std::size_t> differing_tiles(const Words& seen, const Words& made) {
  std::vector<std::size_t> tiles;
  for (std::size_t t = 0; t < seen.size() / kTileWords; ++t) {
    const auto from = static_cast<std::ptrdiff_t>(t * kTileWords);
    if (!std::equal(seen.cells().begin() + from, seen.cells().begin() + from + kTileWords, made.cells().begin() + from))
      tiles.push_back(t);
  }
  return tiles;
}

std::uint64_t hash_of(const Words& words, std::size_t tile) {
  std::uint64_t hash = 0;
  for (std::size_t i = tile * kTileWords; i < (tile + 1) * kTileWords; ++i)
    hash = fixtures::random::mixed(hash * 31 + words[i] + 1);
  return hash;
}

/// The tile of the model that each differing tile is a copy of, -1 for the others; empty: one is no copy.
std::vector<int> copies(const Words& seen, const Words& made, const std::vector<std::size_t>& tiles) {
  std::map<std::uint64_t, int> places;
  for (std::size_t t = made.size() / kTileWords; t-- > 0;) places[hash_of(made, t)] = static_cast<int>(t);
  std::vector<int> from(made.size() / kTileWords, -1);
  for (const std::size_t t : tiles) {
    const auto found = places.find(hash_of(seen, t));
    if (found == places.end()) return {};
    from[t] = found->second;
  }
  return from;
}

std::string text_of_copies(const std::vector<int>& from, const std::vector<std::size_t>& tiles, int cols) {
  const int first = static_cast<int>(tiles[0]), source = from[tiles[0]];
  for (const std::size_t t : tiles)
    if (from[t] - static_cast<int>(t) != source - first)
      return fmt::format("copies of other tiles, the first of tile ({}, {})", source / cols, source % cols);
  return fmt::format("copies of the tiles {} rows and {} columns further", (source / cols) - first / cols,
                     source % cols - first % cols);
}

/// The known fault: K in steps of 32 rows, the last 16 left as they were allocated.
bool is_known_tail(const WordsModel& model, std::uint32_t value, const std::vector<std::size_t>& tiles) {
  const auto cols = static_cast<std::size_t>(model.tiles_n());
  return value == repack::kUnwrittenWord && model.K % (2 * repack::kTileK) == repack::kTileK && tiles.size() == cols &&
         tiles[0] == static_cast<std::size_t>(model.K / repack::kTileK - 1) * cols;
}

}  // namespace

std::string text_of_differing(const Words& seen, const Words& made) {
  const auto tiles = differing_tiles(seen, made);
  const int cols = seen.cols() / kTileWords;
  std::vector<bool> in(seen.size() / kTileWords);
  for (const std::size_t t : tiles) in[t] = true;
  std::string text = probe::text_of_region(in, cols, "tile rows", "tiles", "tiles");
  const auto words = differing(seen, made);
  const auto count = static_cast<std::size_t>(std::ranges::count(words, true));
  if (count < tiles.size() * kTileWords) text = fmt::format("{} words in {}", count, text);
  return text;
}

namespace {

PackedWay region_way(StageId stage, const std::string& where, const std::string& what) {
  return {.stage = stage, .fault = fmt::format("like repack-tail-unwritten: {} hold {}", where, what)};
}

std::optional<RegionFit> copied(const Words& seen, const Words& made, const std::vector<std::size_t>& tiles) {
  const auto from = copies(seen, made, tiles);
  if (from.empty()) return std::nullopt;
  const auto copy = [&](std::size_t i) {
    const int tile = from[i / kTileWords];
    return tile < 0 ? made[i] : made[static_cast<std::size_t>(tile) * kTileWords + i % kTileWords];
  };
  Words words = filled(seen, made, copy);
  if (words.empty()) return std::nullopt;
  return RegionFit{words, region_way(StageId::tiles, text_of_differing(seen, made),
                                     text_of_copies(from, tiles, seen.cols() / kTileWords))};
}

std::optional<RegionFit> permuted(const WordsModel& model, const Words& seen, const Words& made) {
  for (const KnownFragments& known : known_fragments()) {
    WordsModel other = model;
    other.fragments = known.map;
    const Words theirs = other.words();
    if (Words words = filled(seen, made, [&](std::size_t i) { return theirs[i]; }); !words.empty())
      return RegionFit{words,
                       {.stage = StageId::fragments,
                        .fault = fmt::format("like {}: in {} only", known.fault, text_of_differing(seen, made))}};
  }
  return std::nullopt;
}

}  // namespace

std::optional<RegionFit> region_fit(const WordsModel& model, const Words& seen, const Words& made, const Words& stored,
                                    Region kind) {
  const auto tiles = differing_tiles(seen, made);
  const std::vector<bool> differs = differing(seen, made);
  if (static_cast<std::size_t>(std::ranges::count(differs, true)) < kLeastWords) return std::nullopt;
  if (kind == Region::copied) return copied(seen, made, tiles);
  const std::uint32_t value = seen[static_cast<std::size_t>(std::ranges::find(differs, true) - differs.begin())];
  if (Words words = filled(seen, made, [&](std::size_t) { return value; }); !words.empty()) {
    if (is_known_tail(model, value, tiles))
      return RegionFit{
          words, {.stage = StageId::fragments, .fault = "repack-tail-unwritten", .variant = "repack-tail-unwritten"}};
    return RegionFit{words, region_way(StageId::fragments, text_of_differing(seen, made),
                                       fmt::format("0x{:08x} in every word: as if they were never written", value))};
  }
  if (stored.size() == seen.size())
    if (Words words = filled(seen, made, [&](std::size_t i) { return stored[i]; }); !words.empty())
      return RegionFit{words, region_way(StageId::fragments, text_of_differing(seen, made),
                                         "the words of the checkpoint as stored: they were never packed")};
  return permuted(model, seen, made);
}

}  // namespace w4::cases::packed
