// SPDX-License-Identifier: Apache-2.0
#include "cases/search/packed_map.h"

#include "cases/probe/recovered_map.h"
#include "cases/probe/region.h"
#include "fixtures/random/counter_random.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace w4::cases::search {
namespace {

using repack::kTileK;
using repack::kTileN;
using Codes = Grid<std::uint8_t>;
using Hashes = std::vector<std::uint64_t>;

std::uint64_t joined(std::uint64_t hash, std::uint64_t value) { return fixtures::random::mixed(hash * 31 + value + 1); }

/// Codes in the kernel's row order: row i multiplies column perm[i] of A.
Codes in_packed_order(const repack::Packed& packed, const Codes& stored) {
  return Codes::made(stored.rows(), stored.cols(), [&](std::span<std::uint8_t> out) {
    for (int i = 0; i < stored.rows(); ++i) {
      const auto row = stored.row(packed.perm.empty() ? i : packed.perm(0, i));
      std::copy(row.begin(), row.end(), &out[static_cast<std::size_t>(i) * stored.cols()]);
    }
  });
}

/// The source of each place, by contents; empty where one occurs twice in `want`, or not at all.
std::vector<int> sources_by_content(const Hashes& got, const Hashes& want) {
  std::map<std::uint64_t, int> places;
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!places.emplace(want[i], static_cast<int>(i)).second) return {};
  std::vector<int> sources;
  for (const std::uint64_t hash : got) {
    const auto place = places.find(hash);
    if (place == places.end()) return {};
    sources.push_back(place->second);
  }
  return sources;
}

/// What each of the (rows, cols) places of a block holds, over all whole blocks of a matrix.
template <class T>
Hashes contents_by_place(const Grid<T>& matrix, int rows, int cols) {
  Hashes hashes(static_cast<std::size_t>(rows) * cols);
  for (int r = 0; r < matrix.rows() / rows * rows; ++r)
    for (int c = 0; c < matrix.cols() / cols * cols; ++c) {
      std::uint64_t& hash = hashes[static_cast<std::size_t>(r % rows) * cols + c % cols];
      hash = joined(hash, matrix(r, c));
    }
  return hashes;
}

/// What each tile holds, in order.
Hashes contents_by_tile(const Codes& codes) {
  const int columns = codes.cols() / kTileN;
  Hashes hashes(static_cast<std::size_t>(codes.rows() / kTileK) * columns);
  for (int k = 0; k < codes.rows() / kTileK * kTileK; ++k)
    for (int n = 0; n < columns * kTileN; ++n) {
      std::uint64_t& hash = hashes[static_cast<std::size_t>(k / kTileK) * columns + n / kTileN];
      hash = joined(hash, codes(k, n));
    }
  return hashes;
}

/// "scales differ from ours at all g, n % 8 = 3"
template <class T>
std::string place_of_difference(const char* what, const Grid<T>& got, const Grid<T>& want, const char* row) {
  std::vector<bool> differs(got.size());
  for (std::size_t i = 0; i < got.size(); ++i) differs[i] = got[i] != want[i];
  return fmt::format("{} differ from ours at {}", what, probe::text_of_region(differs, got.cols(), row, "n", what));
}

/// Count of each code in each tile.
std::vector<std::array<int, 16>> multisets(const Codes& codes) {
  const int columns = codes.cols() / kTileN;
  std::vector<std::array<int, 16>> counts(static_cast<std::size_t>(codes.rows() / kTileK) * columns);
  for (int k = 0; k < codes.rows() / kTileK * kTileK; ++k)
    for (int n = 0; n < columns * kTileN; ++n)
      ++counts[static_cast<std::size_t>(k / kTileK) * columns + n / kTileN][codes(k, n)];
  return counts;
}

/// "0 is 15, 1 is 14, ..." when every code is the same function of ours; empty otherwise.
std::string function_of_codes(const Codes& got, const Codes& want) {
  std::array<int, 16> table;
  table.fill(-1);
  for (std::size_t i = 0; i < got.size(); ++i) {
    int& to = table[want[i]];
    if (to >= 0 && to != got[i]) return "";
    to = got[i];
  }
  std::vector<std::string> changed;
  for (int code = 0; code < 16; ++code)
    if (table[static_cast<std::size_t>(code)] >= 0 && table[static_cast<std::size_t>(code)] != code)
      changed.push_back(fmt::format("{} is {}", code, table[static_cast<std::size_t>(code)]));
  return fmt::format("{}", fmt::join(changed, ", "));
}

void say_of_tiles(const Codes& got, const Codes& want, std::vector<std::string>& lines) {
  if (got == want) {
    lines.push_back("every code equals ours, in its place: words differ only in the padding");
    return;
  }
  const auto here = multisets(got), ours = multisets(want);
  std::size_t same = 0;
  for (std::size_t i = 0; i < here.size(); ++i) same += here[i] == ours[i];
  if (const std::string function = function_of_codes(got, want); !function.empty()) {
    lines.push_back("every code is the same function of ours, in its place: " + function + " (stage codes)");
    return;
  }
  lines.push_back(fmt::format("{} of {} tiles hold the same codes as ours, in any order", same, here.size()));
  if (same == here.size()) {
    const auto sources =
        sources_by_content(contents_by_place(got, kTileK, kTileN), contents_by_place(want, kTileK, kTileN));
    if (!sources.empty())
      lines.push_back("all tiles permute their codes in the same way, in stage fragments at the latest: " +
                      probe::text_of(probe::recover_map(sources, kTileK, kTileN), sources, kTileN, "k", "n"));
    return;
  }
  const auto sources = sources_by_content(contents_by_tile(got), contents_by_tile(want));
  const int columns = got.cols() / kTileN;
  if (!sources.empty())
    lines.push_back("whole tiles are in other places, in stage tiles at the latest: " +
                    probe::text_of(probe::recover_map(sources, got.rows() / kTileK, columns), sources, columns,
                                   "tile row ", "tile "));
  else
    lines.push_back(place_of_difference("codes", got, want, "k"));
}

/// Columns of scales or zero points, permuted alike inside every 64.
template <class T>
void say_of_columns(const char* what, const Grid<T>& got, const Grid<T>& want, std::vector<std::string>& lines) {
  if (got == want || got.rows() != want.rows()) return;
  const auto sources = sources_by_content(contents_by_place(got, 1, kTileN), contents_by_place(want, 1, kTileN));
  if (!sources.empty())
    lines.push_back(fmt::format("{} are ours with columns permuted inside 64, in stage scale_order at the latest: {}",
                                what,
                                probe::text_of(probe::recover_map(sources, 1, kTileN), sources, kTileN, "g", "n")));
  else
    lines.push_back(place_of_difference(what, got, want, "g"));
}

bool is_permutation(const Grid<std::int32_t>& perm) {
  std::vector<std::int32_t> rows(perm.cells().begin(), perm.cells().end());
  std::sort(rows.begin(), rows.end());
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i] != static_cast<std::int32_t>(i)) return false;
  return true;
}

}  // namespace

std::vector<std::string> packed_statements(const repack::Packed& got, const repack::Packed& want) {
  if (!got.perm.empty() && !is_permutation(got.perm)) return {"perm is no permutation of the rows of K"};
  const repack::Unpacked theirs = repack::unpack(got), ours = repack::unpack(want);
  std::vector<std::string> lines;
  if (got.words != want.words)
    say_of_tiles(in_packed_order(got, theirs.codes), in_packed_order(want, ours.codes), lines);
  say_of_columns("scales", theirs.scales, ours.scales, lines);
  say_of_columns("zero points", theirs.zeros, ours.zeros, lines);
  return lines;
}

}  // namespace w4::cases::search
