// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/finding.h"
#include "cases/probe/recovered_map.h"
#include "cases/probe/region.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace w4::cases::probe {
namespace {

const std::set<StageId> kOfCodes = {StageId::checkpoint, StageId::codes,    StageId::act_order, StageId::tiles,
                                    StageId::fragments,  StageId::pipeline, StageId::dequant,   StageId::multiply};
const std::set<StageId> kOfMoves = {StageId::checkpoint, StageId::codes, StageId::act_order, StageId::tiles,
                                    StageId::fragments};
const std::set<StageId> kOfScales = {StageId::checkpoint,  StageId::act_order, StageId::scales,  StageId::zero_points,
                                     StageId::scale_order, StageId::pipeline,  StageId::dequant, StageId::epilogue};

/// Rows of K in the kernel's order, sorted by group: where act-order puts them.
struct RowOrder {
  std::vector<int> row_at;    // stored row at a place
  std::vector<int> place_of;  // place of a stored row
  explicit RowOrder(const std::vector<int>& groups) : row_at(groups.size()), place_of(groups.size()) {
    std::iota(row_at.begin(), row_at.end(), 0);
    std::stable_sort(row_at.begin(), row_at.end(), [&](int a, int b) {
      return groups[static_cast<std::size_t>(a)] < groups[static_cast<std::size_t>(b)];
    });
    for (std::size_t place = 0; place < row_at.size(); ++place)
      place_of[static_cast<std::size_t>(row_at[place])] = static_cast<int>(place);
  }
};

/// How codes move among the weights that were read.
struct Moves {
  std::size_t moved = 0, read = 0;
  bool in_tile = true, keep_columns = true;  // all of them
};

class Sources {
 public:
  Sources(const fixtures::Layer& layer, const Readings& read)
      : layer_(layer), read_(read), groups_(groups_of(layer)), order_(groups_) {}

  std::vector<Finding> find() {
    find_codes();
    find_parts();
    return std::move(found_);
  }

 private:
  std::size_t at(int r, int n) const { return static_cast<std::size_t>(r) * layer_.N + n; }
  int rows() const { return static_cast<int>(read_.ks.size()); }
  int k_of(int r) const { return read_.ks[static_cast<std::size_t>(r)]; }
  int group_of(int r) const { return groups_[static_cast<std::size_t>(k_of(r))]; }

  // Which code is used where.

  Moves moves() const {
    Moves moves;
    for (int r = 0; r < rows(); ++r)
      for (int n = 0; n < layer_.N; ++n) {
        const int from = read_.codes.source[at(r, n)];
        if (from < 0) continue;
        ++moves.read;
        const int k = k_of(r), from_k = from / layer_.N, from_n = from % layer_.N;
        if (from_k == k && from_n == n) continue;
        ++moves.moved;
        moves.keep_columns = moves.keep_columns && from_n == n;
        moves.in_tile = moves.in_tile && from_k / repack::kTileK == k / repack::kTileK &&
                        from_n / repack::kTileN == n / repack::kTileN;
      }
    return moves;
  }

  void find_codes() {
    const Moves all = moves();
    if (all.moved == 0) return;
    std::vector<std::string> evidence = {fmt::format(
        "with codes that carry their own index, {} of {} weights use another weight's code", all.moved, all.read)};
    const std::string map = read_.whole() ? text_of_whole_map(evidence[0]) : text_of_first_rows();
    evidence.push_back(map.empty() ? "the first moves: " + first_moves() : "the map: " + map);
    evidence.push_back(all.in_tile ? "no code leaves its 16 x 64 tile: in stage fragments at the latest, or codes "
                                     "before it"
                       : all.keep_columns
                           ? "codes stay in their column, across tiles: the order of rows, or of tiles along K"
                           : "codes leave their 16 x 64 tile: in stage tiles at the latest");
    const bool all_read = all.read == read_.codes.source.size();
    found_.push_back({all.in_tile        ? "fragments"
                      : all.keep_columns ? "act_order or tiles"
                                         : "tiles",
                      std::move(evidence), all_read ? kOfMoves : kOfCodes});
    found_.back().of_codes = true;
  }

  /// With act-order, in rows sorted by group where that is the simpler map.
  std::string text_of_whole_map(std::string& heading) const {
    const std::vector<int>& stored = read_.codes.source;
    const RecoveredMap as_stored = recover_map(stored, layer_.K, layer_.N);
    std::vector<int> sorted(stored.size());
    for (int place = 0; place < layer_.K; ++place)
      for (int n = 0; n < layer_.N; ++n) {
        const int from = stored[at(order_.row_at[static_cast<std::size_t>(place)], n)];
        const int row = from < 0 ? 0 : order_.place_of[static_cast<std::size_t>(from / layer_.N)];
        sorted[at(place, n)] = from < 0 ? -1 : row * layer_.N + from % layer_.N;
      }
    const RecoveredMap as_sorted = recover_map(sorted, layer_.K, layer_.N);
    const bool in_order = layer_.act_order() && area(as_sorted) < area(as_stored);
    const RecoveredMap& map = in_order ? as_sorted : as_stored;
    heading +=
        fmt::format("{}{}", map.permutation ? "; the moves are a permutation" : "; the moves are not a permutation",
                    in_order ? ", k counted in rows sorted by group" : "");
    return text_of(map, in_order ? sorted : stored, layer_.N, "k", "n");
  }

  long long area(const RecoveredMap& map) const {
    return map.block_rows == 0 ? static_cast<long long>(layer_.K) * layer_.N
                               : static_cast<long long>(map.block_rows) * map.block_cols;
  }

  /// The map of the rows at the beginning of K that only use each other; empty: there is no formula for them.
  std::string text_of_first_rows() const {
    int count = 0;
    while (count < rows() && k_of(count) == count) ++count;
    for (int block = repack::kTileK; block <= count; block *= 2) {
      const std::vector<int> source(read_.codes.source.begin(),
                                    read_.codes.source.begin() + static_cast<std::ptrdiff_t>(at(block, 0)));
      if (std::ranges::any_of(source, [&](int from) { return from < 0 || from / layer_.N >= block; })) continue;
      const RecoveredMap map = recover_map(source, block, layer_.N);
      if (map.bits) return text_of(map, source, layer_.N, "k", "n") + fmt::format(" (k 0..{})", block - 1);
    }
    return "";
  }

  std::string first_moves() const {
    constexpr std::size_t kMost = 8;
    std::vector<std::string> lines;
    for (int r = 0; r < rows() && lines.size() < kMost; ++r)
      for (int n = 0; n < layer_.N && lines.size() < kMost; ++n)
        if (const int from = read_.codes.source[at(r, n)]; from >= 0 && from != k_of(r) * layer_.N + n)
          lines.push_back(fmt::format("(k={}, n={}) uses ({}, {})", k_of(r), n, from / layer_.N, from % layer_.N));
    return fmt::format("{}", fmt::join(lines, "; "));
  }

  // Which scale and which zero point is used where.

  struct Part {
    std::vector<bool> wrong;  // read, and another one than it should be
    std::size_t count = 0, unread = 0;
    bool columns = false, groups = false;  // some come from another column, from another group
  };

  Part part_of(const SourceMap& map) const {
    Part part{.wrong = std::vector<bool>(map.source.size())};
    for (int r = 0; r < rows(); ++r)
      for (int n = 0; n < layer_.N; ++n) {
        const int group = group_of(r), from = map.source[at(r, n)];
        part.unread += from < 0;
        if (from < 0 || from == group * layer_.N + n) continue;
        part.wrong[at(r, n)] = true;
        ++part.count;
        part.columns = part.columns || from % layer_.N != n;
        part.groups = part.groups || from / layer_.N != group;
      }
    return part;
  }

  /// Scales and zero points that are taken from the same wrong places are one fault.
  void find_parts() {
    const bool zeros = !layer_.symmetric;
    const bool same = zeros && read_.scales.source == read_.zero_points.source;
    const bool readable =
        wrong_scales(read_, layer_.dtype).empty();  // a scale that is used as another number is no index
    if (readable) find_part(same ? "scales and zero points" : "scales", read_.scales, "scales");
    if (zeros && !same) find_part("zero points", read_.zero_points, "zero_points");
  }

  void find_part(const std::string& what, const SourceMap& map, const std::string& early) {
    const Part part = part_of(map);
    if (part.count == 0) return;
    std::vector<std::string> evidence = {
        fmt::format("with {} that carry their own index, {} of {} weights use {}, at {}", what, part.count,
                    map.source.size() - part.unread,
                    part.columns && part.groups ? "those of another group and column"
                    : part.groups               ? "those of another group"
                                                : "those of another column",
                    text_of_weights(part.wrong, read_, layer_.N))};
    evidence.push_back(part.groups && !part.columns ? text_of_groups(map) : text_of_columns(map, part));
    found_.push_back({part.groups && part.columns ? early + " or scale_order"
                      : part.columns              ? "scale_order"
                                                  : "act_order or " + early + " or pipeline",
                      std::move(evidence), kOfScales});
  }

  /// The group that each row uses, if it is the same in all columns: a map of groups where the rows of each group
  /// agree.
  std::string text_of_groups(const SourceMap& map) const {
    const int count = layer_.K / layer_.group_size;
    std::vector<int> used(static_cast<std::size_t>(rows()), -1), of_group(static_cast<std::size_t>(count), -1);
    bool agree = true;
    for (int r = 0; r < rows(); ++r)
      for (int n = 0; n < layer_.N; ++n) {
        const int from = map.source[at(r, n)];
        if (from < 0) continue;
        int &row = used[static_cast<std::size_t>(r)], &group = of_group[static_cast<std::size_t>(group_of(r))];
        if (row >= 0 && row != from / layer_.N) return "which group a weight uses depends on its column too";
        row = from / layer_.N;
        agree = agree && (group < 0 || group == row);
        group = row;
      }
    return agree ? text_of_group_map(of_group) : text_of_row_groups(used);
  }

  static std::string text_of_group_map(const std::vector<int>& of_group) {
    std::vector<int> known;
    for (const int group : of_group)
      if (group >= 0) known.push_back(group);
    if (std::ranges::all_of(known, [&](int group) { return group == known[0]; }))
      return fmt::format("all rows use group {}", known[0]);
    std::vector<std::string> parts;
    constexpr std::size_t kMost = 8;
    for (std::size_t g = 0; g < of_group.size() && parts.size() < kMost; ++g)
      if (of_group[g] >= 0 && of_group[g] != static_cast<int>(g))
        parts.push_back(fmt::format("group {} uses group {}", g, of_group[g]));
    return fmt::format("all rows of a group agree: {}", fmt::join(parts, ", "));
  }

  /// Rows of one group use different ones: the kernel takes the group of a row for another.
  std::string text_of_row_groups(const std::vector<int>& used) const {
    const int most = layer_.K / layer_.group_size - 1;
    const auto change = std::ranges::find_if(used, [&](int group) { return group != used[0]; }) - used.begin();
    for (int size = 8; size <= layer_.K && change < rows(); size *= 2) {
      const int offset = (used[0] + 1) * size - k_of(static_cast<int>(change));  // of k, where the second group begins
      bool fits = offset >= 0;
      for (int r = 0; r < rows() && fits; ++r)
        fits = used[static_cast<std::size_t>(r)] < 0 ||
               used[static_cast<std::size_t>(r)] == std::min((k_of(r) + offset) / size, most);
      if (fits)
        return fmt::format("row k uses group {} / {}, where groups are of {} rows",
                           offset == 0 ? "k" : fmt::format("(k + {})", offset), size, layer_.group_size);
    }
    std::vector<std::string> parts;
    constexpr std::size_t kMost = 8;
    for (int r = 0; r < rows() && parts.size() < kMost; ++r)
      if (const int group = used[static_cast<std::size_t>(r)]; group >= 0 && group != group_of(r))
        parts.push_back(fmt::format("row {} uses group {}, right is {}", k_of(r), group, group_of(r)));
    return fmt::format("rows of one group use different ones: {}", fmt::join(parts, ", "));
  }

  /// The map of (group, column) where the rows of each group agree.
  std::string text_of_columns(const SourceMap& map, const Part& part) const {
    const int count = layer_.K / layer_.group_size;
    std::vector<int> source(static_cast<std::size_t>(count) * layer_.N, -1);
    for (int r = 0; r < rows(); ++r)
      for (int n = 0; n < layer_.N; ++n) {
        int& one = source[static_cast<std::size_t>(group_of(r)) * layer_.N + n];
        const int from = map.source[at(r, n)];
        if (one >= 0 && from >= 0 && one != from) return "rows of one group use different ones";
        if (from >= 0) one = from;
      }
    const RecoveredMap recovered = recover_map(source, count, layer_.N);
    return fmt::format("{}{}", part.groups ? "" : "groups are right; ", text_of(recovered, source, layer_.N, "g", "n"));
  }

  const fixtures::Layer& layer_;
  const Readings& read_;
  std::vector<int> groups_;
  RowOrder order_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> wrong_sources(const fixtures::Layer& layer, const Readings& read) {
  return Sources(layer, read).find();
}

std::string text_of_weights(const std::vector<bool>& in, const Readings& read, int N) {
  const auto width = static_cast<std::size_t>(N);
  if (read.whole()) return text_of_region(in, N, "k", "n");
  std::vector<bool> rows(in.size() / width), columns(width);
  std::size_t count = 0;
  for (std::size_t i = 0; i < in.size(); ++i)
    if (in[i]) ++count, rows[i / width] = columns[i % width] = true;
  std::vector<bool> of_K(static_cast<std::size_t>(read.K));
  for (std::size_t r = 0; r < rows.size(); ++r) of_K[static_cast<std::size_t>(read.ks[r])] = rows[r];
  const auto wrong_rows = std::ranges::count(rows, true), wrong_columns = std::ranges::count(columns, true);
  const std::string where = fmt::format("{} of {} rows of K that were read{}, {}", wrong_rows, rows.size(),
                                        wrong_rows == std::ssize(rows) ? "" : " (" + text_of_indices(of_K, "k") + ")",
                                        text_of_indices(columns, "n"));
  return count == static_cast<std::size_t>(wrong_rows * wrong_columns) ? where
                                                                       : fmt::format("{} weights in {}", count, where);
}

}  // namespace w4::cases::probe
