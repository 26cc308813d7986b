// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/fit.h"

#include "cases/probe/bit_map.h"
#include "cases/probe/index_formula.h"
#include "cases/probe/recovered_map.h"
#include "fixtures/random/counter_random.h"
#include "repack/stages/tiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace w4::cases::packed {
namespace {

using repack::kTileCodes;
using repack::kTileWords;
using Hashes = std::vector<std::uint64_t>;

void join(std::uint64_t& hash, std::uint64_t value) { hash = fixtures::random::mixed(hash * 31 + value + 1); }

bool maps_all(const FragmentMap& map, const Hashes& want, const Hashes& got) {
  for (std::size_t p = 0; p < got.size(); ++p)
    if (got[p] != want[map[p]]) return false;
  return true;
}

/// Each place's source by contents; places of equal contents keep the reference's where they can.
std::optional<FragmentMap> by_contents(const Hashes& want, const Hashes& got) {
  std::multimap<std::uint64_t, int> sources;
  for (std::size_t q = 0; q < want.size(); ++q) sources.emplace(want[q], static_cast<int>(q));
  FragmentMap map{};
  std::vector<bool> done(got.size());
  const FragmentMap reference = reference_fragments();
  const auto take = [&](std::size_t p, std::multimap<std::uint64_t, int>::iterator source) {
    map[p] = static_cast<std::uint16_t>(source->second);
    done[p] = true;
    sources.erase(source);
  };
  for (std::size_t p = 0; p < got.size(); ++p) {
    const auto [first, last] = sources.equal_range(got[p]);
    if (first == last) return std::nullopt;
    const auto same = std::find_if(first, last, [&](const auto& entry) { return entry.second == reference[p]; });
    if (same != last) take(p, same);
  }
  for (std::size_t p = 0; p < got.size(); ++p) {
    if (done[p]) continue;
    const auto found = sources.find(got[p]);
    if (found == sources.end()) return std::nullopt;
    take(p, found);
  }
  return map;
}

}  // namespace

TileSample::TileSample(const Grid<std::uint32_t>& words, std::vector<int> tiles)
    : words_(words), tiles_(std::move(tiles)), places_(kTileCodes) {
  for (const int t : tiles_)
    for (int p = 0; p < kTileCodes; ++p)
      join(places_[static_cast<std::size_t>(p)], static_cast<std::uint64_t>(code_in(words_, t, p)));
}

std::optional<FragmentMap> TileSample::fragments_of(const WordsModel& model) const {
  if (tiles_.empty()) return std::nullopt;
  Hashes want(kTileCodes);
  TileCodes codes;
  for (const int t : tiles_) {
    model.tile(t, codes);
    for (std::size_t q = 0; q < want.size(); ++q) join(want[q], codes[q]);
  }
  if (maps_all(reference_fragments(), want, places_)) return reference_fragments();
  for (const KnownFragments& known : known_fragments())
    if (maps_all(known.map, want, places_)) return known.map;
  return by_contents(want, places_);
}

double TileSample::share_equal(const WordsModel& model) const {
  std::size_t equal = 0;
  TileCodes codes;
  for (const int t : tiles_) {
    model.tile(t, codes);
    for (int w = 0; w < kTileWords; ++w) {
      bool same = true;
      for (int slot = 0; slot < kCodesPerWord && same; ++slot) {
        const int p = w * kCodesPerWord + slot;
        same = code_in(words_, t, p) == codes[model.fragments[static_cast<std::size_t>(p)]];
      }
      equal += same;
    }
  }
  return tiles_.empty() ? 0 : static_cast<double>(equal) / (static_cast<double>(tiles_.size()) * kTileWords);
}

std::optional<CodeTable> TileSample::table_of(const WordsModel& model) const {
  std::array<Counts, 16> became{};
  TileCodes codes;
  WordsModel plain = model;
  plain.table = identity_table();
  for (const int t : tiles_) {
    plain.tile(t, codes);
    for (int p = 0; p < kTileCodes; ++p)
      ++became[codes[model.fragments[static_cast<std::size_t>(p)]]][static_cast<std::size_t>(code_in(words_, t, p))];
  }
  CodeTable table = identity_table();
  for (std::size_t code = 0; code < became.size(); ++code) {
    const auto most = std::ranges::max_element(became[code]);
    long long all = 0;
    for (const long long count : became[code]) all += count;
    if (2 * *most < all) return std::nullopt;
    if (all > 0) table[code] = static_cast<std::uint8_t>(most - became[code].begin());
  }
  return table;
}

std::vector<int> spread_tiles(const Grid<std::uint32_t>& words, int first, int last, int most) {
  const int step = std::max(1, (last - first) / most);
  std::vector<int> tiles;
  for (int t = first; t < last && static_cast<int>(tiles.size()) < most; t += step) {
    const std::uint32_t* word = words.data() + static_cast<std::size_t>(t) * kTileWords;
    if (!std::all_of(word, word + kTileWords, [&](std::uint32_t w) { return w == *word; })) tiles.push_back(t);
  }
  return tiles;
}

namespace {

/// Places of a tile as (k, n): which code (row-major in the tile) stands where the code (k, n) belongs.
std::vector<int> moved_codes(const FragmentMap& map) {
  const auto in_tile = [](int q) {
    const int block = q / repack::tiles::kBlockCodes, cell = q % repack::tiles::kBlockCodes;
    return cell / repack::kBlockN * repack::kTileN + block * repack::kBlockN + cell % repack::kBlockN;
  };
  const FragmentMap reference = reference_fragments();
  std::vector<int> source(kTileCodes);
  for (std::size_t p = 0; p < map.size(); ++p)
    source[static_cast<std::size_t>(in_tile(reference[p]))] = in_tile(map[p]);
  return source;
}

/// The place to which what each place holds belongs.
std::vector<int> moved_places(const FragmentMap& map) {
  const FragmentMap reference = reference_fragments();
  std::vector<int> place_of(kTileCodes), source;
  for (std::size_t p = 0; p < reference.size(); ++p) place_of[reference[p]] = static_cast<int>(p);
  for (const int q : map) source.push_back(place_of[static_cast<std::size_t>(q)]);
  return source;
}

/// The order of places that puts the tile right, as NumPy: images of a bit map, or nothing.
std::string undo_fragments(const FragmentMap& map) {
  FragmentMap place_of{};
  for (std::size_t p = 0; p < map.size(); ++p) place_of[map[p]] = static_cast<std::uint16_t>(p);
  std::vector<int> from;
  for (const int q : reference_fragments()) from.push_back(place_of[static_cast<std::size_t>(q)]);
  std::string order = numpy_of(from);
  if (order.starts_with('[')) {
    const auto bits = probe::bit_map_of(std::vector<std::uint32_t>(from.begin(), from.end()));
    if (!bits) return "";
    std::vector<std::uint32_t> images;
    for (std::uint32_t bit = 1; bit < from.size(); bit *= 2) images.push_back((*bits)(bit) ^ bits->constant);
    order = fmt::format("{} ^ np.bitwise_xor.reduce([(np.arange(1024) >> b & 1) * m for b, m in enumerate([{}])])",
                        bits->constant, fmt::join(images, ", "));
  }
  return fmt::format("{}B = word(nib(B).reshape(-1, 1024)[:, {}].reshape(*B.shape, 8))", kNibbles, order);
}

}  // namespace

PackedWay fragments_way(const FragmentMap& map) {
  const std::vector<int> source = moved_codes(map);
  const auto recovered = probe::recover_map(source, repack::kTileK, repack::kTileN);
  const std::string codes = probe::text_of(recovered, source, repack::kTileN, "k", "n");
  const std::string places = probe::formula_of(moved_places(map), kTileCodes, "p");
  const std::string text = recovered.bits   ? codes
                           : places.empty() ? "no formula"
                                            : "place p holds what belongs to place " + places;
  PackedWay way{.stage = StageId::fragments, .fault = "like perm1024-partial: " + text, .undo = undo_fragments(map)};
  for (const KnownFragments& known : known_fragments())
    if (known.map == map) way.fault = known.fault, way.variant = known.variant;
  way.evidence.push_back("all tiles permute their 1024 codes alike: " + codes);
  if (!places.empty())
    way.evidence.push_back(fmt::format("place p = 8 * word + slot of a tile holds what belongs to place {}", places));
  return way;
}

}  // namespace w4::cases::packed
