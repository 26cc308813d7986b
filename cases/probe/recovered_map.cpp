// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/recovered_map.h"

#include "cases/probe/index_formula.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace w4::cases::probe {
namespace {

constexpr int kMostBits = 20;                   // of a block whose map is taken for a formula
constexpr int kMostRows = 64, kMostCols = 256;  // of a block that is larger than it must be
constexpr std::size_t kTableRows = 8;

struct Place {
  int row, col;
};

Place place_of(int index, int cols) { return {index / cols, index % cols}; }

bool is_permutation(const std::vector<int>& source) {
  std::vector<bool> used(source.size());
  for (const int from : source) {
    if (from < 0 || from >= static_cast<int>(used.size()) || used[static_cast<std::size_t>(from)]) return false;
    used[static_cast<std::size_t>(from)] = true;
  }
  return true;
}

/// Index bits in which a place and its source differ, over all places.
Place differing_bits(const std::vector<int>& source, int cols) {
  Place bits{0, 0};
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] < 0) continue;
    const Place at = place_of(static_cast<int>(i), cols), from = place_of(source[i], cols);
    bits.row |= at.row ^ from.row;
    bits.col |= at.col ^ from.col;
  }
  return bits;
}

int block_of(int differing) { return static_cast<int>(std::bit_ceil(static_cast<unsigned>(differing) + 1)); }

/// What one block does, as images of its own places: columns in the low bits.
std::vector<std::uint32_t> images_of(const std::vector<int>& source, int cols, const RecoveredMap& map, Place block) {
  std::vector<std::uint32_t> images(static_cast<std::size_t>(map.block_rows) * map.block_cols);
  for (int r = 0; r < map.block_rows; ++r) {
    for (int c = 0; c < map.block_cols; ++c) {
      const Place from = place_of(
          source[static_cast<std::size_t>(block.row * map.block_rows + r) * cols + block.col * map.block_cols + c],
          cols);
      images[static_cast<std::size_t>(r) * map.block_cols + c] =
          static_cast<std::uint32_t>(from.row % map.block_rows * map.block_cols + from.col % map.block_cols);
    }
  }
  return images;
}

void look_inside_blocks(const std::vector<int>& source, int rows, int cols, RecoveredMap& map) {
  const std::vector<std::uint32_t> first = images_of(source, cols, map, {0, 0});
  map.same_in_all_blocks = true;
  for (int r = 0; r < rows / map.block_rows && map.same_in_all_blocks; ++r)
    for (int c = 0; c < cols / map.block_cols && map.same_in_all_blocks; ++c)
      map.same_in_all_blocks = images_of(source, cols, map, {r, c}) == first;
  if (map.same_in_all_blocks && first.size() <= std::size_t{1} << kMostBits) map.bits = bit_map_of(first);
}

/// What a value does may depend on bits of its place that it keeps: takes larger blocks until all do the same.
void find_formula(const std::vector<int>& source, int rows, int cols, Place least, RecoveredMap& map) {
  std::vector<Place> blocks;
  for (int r = least.row; rows % r == 0 && r <= std::max(least.row, kMostRows); r *= 2)
    for (int c = least.col; cols % c == 0 && c <= std::max(least.col, kMostCols); c *= 2) blocks.push_back({r, c});
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](Place a, Place b) { return 1LL * a.row * a.col < 1LL * b.row * b.col; });
  for (const Place block : blocks) {
    map.block_rows = block.row;
    map.block_cols = block.col;
    look_inside_blocks(source, rows, cols, map);
    if (map.same_in_all_blocks) return;
  }
  map.block_rows = least.row;
  map.block_cols = least.col;
}

std::vector<std::string> bit_names(const RecoveredMap& map, const std::string& row, const std::string& col) {
  std::vector<std::string> names;
  for (int bit = 0; 1 << bit < map.block_cols; ++bit) names.push_back(fmt::format("{}{}", col, bit));
  for (int bit = 0; 1 << bit < map.block_rows; ++bit) names.push_back(fmt::format("{}{}", row, bit));
  return names;
}

std::string table(const std::vector<int>& source, int cols, const std::string& row, const std::string& col) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < source.size() && lines.size() < kTableRows; ++i) {
    if (source[i] < 0 || source[i] == static_cast<int>(i)) continue;
    const Place at = place_of(static_cast<int>(i), cols), from = place_of(source[i], cols);
    lines.push_back(fmt::format("({}={}, {}={}) uses ({}, {})", row, at.row, col, at.col, from.row, from.col));
  }
  return fmt::format("{}", fmt::join(lines, "; "));
}

/// Where the sources of one axis stand, when they depend on the place along that axis alone; empty otherwise.
std::vector<int> along_axis(const std::vector<int>& source, int cols, bool of_rows) {
  const int rows = static_cast<int>(source.size()) / cols;
  std::vector<int> axis(static_cast<std::size_t>(of_rows ? rows : cols), -1);
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] < 0) continue;
    const Place at = place_of(static_cast<int>(i), cols), from = place_of(source[i], cols);
    int& known = axis[static_cast<std::size_t>(of_rows ? at.row : at.col)];
    const int here = of_rows ? from.row : from.col;
    if (known >= 0 && known != here) return {};
    known = here;
  }
  return axis;
}

/// "k = (k + 3) % 384", "column 8 of k * 1600 + n where k * 1536 + n is right"; empty when no formula fits.
std::string formula(const std::vector<int>& source, int cols, const std::string& row, const std::string& col) {
  const std::vector<int> rows = along_axis(source, cols, true), columns = along_axis(source, cols, false);
  std::vector<std::string> changes;
  for (const auto& [axis, name] : {std::pair(rows, row), std::pair(columns, col)}) {
    const std::string text = axis.empty() ? "" : formula_of(axis, static_cast<int>(axis.size()), name);
    if (!text.empty() && text != name) changes.push_back(fmt::format("{} = {}", name, text));
    if (axis.size() != 1 && text.empty()) {
      changes.clear();
      break;
    }
  }
  if (!changes.empty()) return fmt::format("place uses source with {}", fmt::join(changes, ", "));
  const std::string stride = stride_of(source, cols, row, col);
  return stride.empty() ? "" : "place reads " + stride;
}

}  // namespace

RecoveredMap recover_map(const std::vector<int>& source, int rows, int cols) {
  RecoveredMap map;
  for (std::size_t i = 0; i < source.size(); ++i) {
    map.unknown += source[i] < 0;
    map.moved += source[i] >= 0 && source[i] != static_cast<int>(i);
  }
  map.permutation = is_permutation(source);
  const Place differing = differing_bits(source, cols);
  map.keeps_rows = differing.row == 0;
  map.keeps_columns = differing.col == 0;
  const Place least{block_of(differing.row), block_of(differing.col)};
  if (rows % least.row != 0 || cols % least.col != 0) return map;
  map.block_rows = least.row;
  map.block_cols = least.col;
  if (map.unknown == 0) find_formula(source, rows, cols, least, map);
  return map;
}

std::string text_of(const RecoveredMap& map, const std::vector<int>& source, int cols, const std::string& row,
                    const std::string& col) {
  if (!map.bits) {
    const std::string text = formula(source, cols, row, col);
    return text.empty() ? table(source, cols, row, col) : text;
  }
  return fmt::format("inside {} x {}, place uses source with {}", map.block_rows, map.block_cols,
                     text_of(*map.bits, bit_names(map, row, col)));
}

}  // namespace w4::cases::probe
