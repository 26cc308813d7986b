// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/orders.h"

#include "cases/probe/index_formula.h"
#include "cases/probe/recovered_map.h"
#include "fixtures/parallel.h"
#include "fixtures/random/counter_random.h"
#include "repack/stages/tiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>

namespace w4::cases::packed {
namespace {

using repack::kBlockN;
using repack::kTileK;
using repack::tiles::kBlockCodes;
constexpr int kTileBlocks = repack::kTileN / kBlockN;

struct Likely {
  std::string fault, variant;
  std::function<std::pair<int, int>(int row, int col)> source;  // of a block, in blocks
};

TileOrder order_from(int rows, int cols, const std::function<std::pair<int, int>(int, int)>& source) {
  TileOrder order;
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c) {
      const auto [from_row, from_col] = source(r, c);
      order.blocks.push_back(from_row * cols + from_col);
    }
  return order;
}

/// What to type so that tiles stand where they belong: only whole tiles are moved by NumPy.
std::string undo_order(const TileOrder& order, int padded_K, int padded_N) {
  const int rows = padded_K / kTileK, blocks_n = padded_N / kBlockN, cols = blocks_n / kTileBlocks;
  std::vector<int> place(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols), -1);
  for (std::size_t b = 0; b < order.blocks.size(); b += kTileBlocks) {
    const int first = order.blocks[b];
    if (first % kTileBlocks != 0) return "";
    for (int i = 1; i < kTileBlocks; ++i)
      if (order.blocks[b + static_cast<std::size_t>(i)] != first + i) return "";
    place[static_cast<std::size_t>(first / kTileBlocks)] = static_cast<int>(b) / kTileBlocks;
  }
  const auto is = [&](const auto& at) {
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < cols; ++c)
        if (place[static_cast<std::size_t>(r * cols + c)] != at(r, c)) return false;
    return true;
  };
  const std::string tiles = fmt::format("B.reshape({}, {}, 128)", rows, cols);
  const auto line = [&](const std::string& moved) { return fmt::format("B = {}.reshape(B.shape)", moved); };
  if (is([&](int r, int c) { return c * rows + r; }))
    return line(fmt::format("B.reshape({}, {}, 128).swapaxes(0, 1)", cols, rows));
  if (is([&](int r, int c) { return (rows - 1 - r) * cols + c; })) return line(tiles + "[::-1]");
  if (is([&](int r, int c) { return r * cols + cols - 1 - c; })) return line(tiles + "[:, ::-1]");
  if (std::ranges::find(place, -1) != place.end() || place.size() > 1024) return "";
  return line(fmt::format("B.reshape(-1, 128)[[{}]]", fmt::join(place, ", ")));
}

OrderWay order_way_of(TileOrder order, std::string fault, std::string variant, const std::string& evidence,
                      int padded_K, int padded_N) {
  PackedWay way{.stage = StageId::tiles, .fault = std::move(fault), .variant = std::move(variant)};
  if (!evidence.empty()) way.evidence.push_back(evidence);
  if (!order.row_major) way.undo = undo_order(order, padded_K, padded_N);
  return {std::move(order), std::move(way)};
}

}  // namespace

std::vector<OrderWay> likely_orders(int padded_K, int padded_N) {
  const int rows = padded_K / kTileK, cols = padded_N / kBlockN, tiles = cols / kTileBlocks;
  const auto by_columns = [=](int r, int c) {
    const int place = r * cols + c;
    return std::pair(place % rows, place / rows);
  };
  const auto tiles_by_columns = [=](int r, int c) {
    const int tile = r * tiles + c / kTileBlocks;
    return std::pair(tile % rows, tile / rows * kTileBlocks + c % kTileBlocks);
  };
  const std::vector<Likely> likely = {
      {"tile-order-swap", "tile-order-swap", by_columns},
      {"like tile-order-swap: whole tiles (16 x 64) stand column by column", "", tiles_by_columns},
      {"rows of tiles in reverse order", "", [=](int r, int c) { return std::pair(rows - 1 - r, c); }},
      {"tiles of a row in reverse order", "",
       [=](int r, int c) { return std::pair(r, (tiles - 1 - c / kTileBlocks) * kTileBlocks + c % kTileBlocks); }}};
  std::vector<OrderWay> all(1);
  for (const Likely& one : likely)
    all.push_back(order_way_of(order_from(rows, cols, one.source), one.fault, one.variant, "", padded_K, padded_N));
  all.push_back(order_way_of({.row_major = true}, "codes are not cut into tiles: they stand row after row", "untiled",
                             "", padded_K, padded_N));
  return all;
}

namespace {

using Hashes = std::vector<std::uint64_t>;

/// The source of each place by contents, its own where contents repeat or are found nowhere; -1 counts those.
std::vector<int> block_sources(const Hashes& got, const Hashes& want, std::size_t& lost) {
  std::map<std::uint64_t, int> places;
  for (std::size_t i = want.size(); i-- > 0;) places[want[i]] = static_cast<int>(i);
  std::vector<int> sources(got.size());
  lost = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto found = places.find(got[i]);
    const bool own = want[i] == got[i] || found == places.end();
    lost += found == places.end();
    sources[i] = own ? static_cast<int>(i) : found->second;
  }
  return sources;
}

/// Hashes of what tiles hold in any order, and of each of their blocks in order and in any.
struct Contents {
  explicit Contents(int tiles)
      : tiles(static_cast<std::size_t>(tiles)), blocks(4 * this->tiles.size()), mixed_blocks(blocks.size()) {}
  Hashes tiles, blocks, mixed_blocks;
};

Contents contents_of(int tiles, const std::function<void(int, TileCodes&)>& read) {
  std::array<std::uint64_t, 16> hash_of_code;
  for (std::size_t code = 0; code < hash_of_code.size(); ++code) hash_of_code[code] = fixtures::random::mixed(code + 1);
  Contents all(tiles);
  for_each_index(tiles, [&](int t) {
    TileCodes codes;
    read(t, codes);
    for (int b = 0; b < kTileBlocks; ++b) {
      std::uint64_t block = 0, mixed = 0;
      for (int cell = 0; cell < kBlockCodes; ++cell) {
        const std::uint64_t hash = hash_of_code[codes[static_cast<std::size_t>(b * kBlockCodes + cell)]];
        block = block * 0x9E3779B97F4A7C15 + hash;
        mixed += hash;
      }
      const auto place = static_cast<std::size_t>(t * kTileBlocks + b);
      all.blocks[place] = block;
      all.mixed_blocks[place] = mixed;
      all.tiles[static_cast<std::size_t>(t)] += mixed;
    }
  });
  return all;
}

/// "tile row r holds tile row r % 20", when rows and columns of tiles are moved each by themselves.
std::string text_by_axes(const std::vector<int>& tiles, int rows, int columns) {
  std::vector<int> row_of, column_of;
  for (int r = 0; r < rows; ++r) row_of.push_back(tiles[static_cast<std::size_t>(r * columns)] / columns);
  for (int c = 0; c < columns; ++c) column_of.push_back(tiles[static_cast<std::size_t>(c)] % columns);
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c)
      if (tiles[static_cast<std::size_t>(r * columns + c)] !=
          row_of[static_cast<std::size_t>(r)] * columns + column_of[static_cast<std::size_t>(c)])
        return "";
  std::vector<std::string> parts;
  if (const std::string text = probe::formula_of(row_of, rows, "r"); rows > 1 && text != "r")
    parts.push_back("tile row r holds tile row " + (text.empty() ? fmt::format("{}", fmt::join(row_of, ", ")) : text));
  if (const std::string text = probe::formula_of(column_of, columns, "c"); columns > 1 && text != "c")
    parts.push_back("tile column c holds tile column " +
                    (text.empty() ? fmt::format("{}", fmt::join(column_of, ", ")) : text));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string text_of_order(const TileOrder& order, int rows, int cols) {
  const auto source = order.blocks;
  bool whole = true;  // tiles keep their four blocks together
  std::vector<int> tiles;
  for (std::size_t b = 0; b < source.size() && whole; b += kTileBlocks) {
    for (int i = 0; i < kTileBlocks; ++i) whole = whole && source[b + static_cast<std::size_t>(i)] == source[b] + i;
    whole = whole && source[b] % kTileBlocks == 0;
    tiles.push_back(source[b] / kTileBlocks);
  }
  if (!whole) return probe::text_of(probe::recover_map(source, rows, cols), source, cols, "block row", "block");
  const int columns = cols / kTileBlocks;
  if (const std::string text = text_by_axes(tiles, rows, columns); !text.empty()) return text;
  return probe::text_of(probe::recover_map(tiles, rows, columns), tiles, columns, "tile row", "tile column");
}

}  // namespace

std::optional<OrderWay> solved_order(const WordsModel& model, const Grid<std::uint32_t>& words) {
  const Contents want = contents_of(model.tiles(), [&](int t, TileCodes& out) { model.tile(t, out); });
  const Contents got =
      contents_of(model.tiles(), [&](int t, TileCodes& out) { read_tile(words, t, model.fragments, out); });
  TileOrder order;
  std::size_t lost = 0;
  const auto tiles = block_sources(got.tiles, want.tiles, lost);
  if (2 * lost < tiles.size()) {
    for (const int tile : tiles)
      for (int b = 0; b < kTileBlocks; ++b) order.blocks.push_back(tile * kTileBlocks + b);
  } else {
    order.blocks = block_sources(got.blocks, want.blocks, lost);
    if (2 * lost >= order.blocks.size()) order.blocks = block_sources(got.mixed_blocks, want.mixed_blocks, lost);
    if (2 * lost >= order.blocks.size()) return std::nullopt;
  }
  bool own = true;
  for (std::size_t b = 0; b < order.blocks.size(); ++b) own = own && order.blocks[b] == static_cast<int>(b);
  if (own) return std::nullopt;
  const int rows = model.padded_K / kTileK, cols = model.padded_N / kBlockN;
  const std::string text = text_of_order(order, rows, cols);
  return order_way_of(std::move(order), "like tile-order-swap: " + text, "", "tiles or blocks stand in other places",
                      model.padded_K, model.padded_N);
}

}  // namespace w4::cases::packed
