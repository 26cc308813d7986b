// SPDX-License-Identifier: Apache-2.0
// Strategies that make a case smaller or remove an optional part of the layer.
#include "cases/shrink/ddmin.h"
#include "cases/shrink/shrink.h"
#include "fixtures/layer/codes.h"
#include "repack/stages/weights.h"

#include <fmt/format.h>

#include <numeric>
#include <set>

namespace w4::cases::shrink {
namespace {

using fixtures::Format;

std::vector<int> first(int count) {
  std::vector<int> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

/// The indices below `count` that the chosen units cover; a unit has `width` indices, the last may have fewer.
std::vector<int> spread(const std::vector<int>& units, int width, int count) {
  std::vector<int> indices;
  for (const int unit : units)
    for (int i = unit * width; i < std::min((unit + 1) * width, count); ++i) indices.push_back(i);
  return indices;
}

int units_of(int count, int width) { return (count + width - 1) / width; }

/// Fewer rows, by bisection of M: finds quickly whether the failure needs a certain M (more than 64 rows).
void fewer_first_rows(Shrinker& search) {
  const PlainCase whole = search.best();
  for (int below = 0, most = whole.M(); most - below > 1;) {
    const int rows = (below + most) / 2;
    (search.take(with_rows(whole, first(rows))) ? most : below) = rows;
  }
}

void fewer_rows(Shrinker& search) {
  const PlainCase whole = search.best();
  ddmin(first(whole.M()), [&](const std::vector<int>& rows) { return search.take(with_rows(whole, rows)); });
}

/// A K that is no multiple of 64 is padded. Padding is another code path: a case without it must not get it.
bool brings_padding(const PlainCase& whole, const PlainCase& part) {
  return part.K() % repack::kPadK != 0 && whole.K() % repack::kPadK == 0;
}

bool take_part_of_K(Shrinker& search, const PlainCase& whole, const Kept& kept, int group) {
  std::optional<PlainCase> part = with_part_of_K(whole, kept);
  if (!part || brings_padding(whole, *part)) return false;
  part->group = group;
  return search.take(*part);
}

void fewer_groups(Shrinker& search) {
  const PlainCase whole = search.best();
  ddmin(first(whole.groups()), [&](const std::vector<int>& groups) {
    const std::set<int> chosen(groups.begin(), groups.end());
    Kept kept{.rows = {}, .groups = groups, .group_size = whole.layer.group_size};
    for (int k = 0; k < whole.K(); ++k)
      if (chosen.contains(whole.layer.group_of(k))) kept.rows.push_back(k);
    return take_part_of_K(search, whole, kept, whole.group);
  });
}

/// The first 64 or 32 rows of every group, the sizes that GROUP allows.
void smaller_groups(Shrinker& search) {
  for (const int size : {64, 32}) {
    const PlainCase whole = search.best();
    if (whole.group == -1 || size >= whole.layer.group_size) continue;
    std::vector<int> taken(static_cast<std::size_t>(whole.groups()));
    Kept kept{.rows = {}, .groups = first(whole.groups()), .group_size = size};
    for (int k = 0; k < whole.K(); ++k)
      if (taken[static_cast<std::size_t>(whole.layer.group_of(k))]++ < size) kept.rows.push_back(k);
    take_part_of_K(search, whole, kept, size);
  }
}

/// One group for all of K, with the scales and zero points of the first group and rows in stored order.
void one_group(Shrinker& search) {
  if (search.best().groups() == 1) return;
  PlainCase single = search.best();
  const auto row_0 = [](const auto& grid) {
    return std::decay_t<decltype(grid)>::from(1, grid.cols(), [&](int, int n) { return grid(0, n); });
  };
  single.layer.scales = row_0(single.layer.scales);
  single.layer.zeros = row_0(single.layer.zeros);
  single.layer.g_idx = {};
  single.layer.group_size = single.K();
  single.group = -1;
  search.take(single);
}

/// Fewer thread blocks have longer stripes, so that a smaller layer still gives each of them work.
void fewer_thread_blocks(Shrinker& search) {
  for (int blocks = 1; blocks < search.best().thread_blocks; blocks *= 2) {
    PlainCase plain = search.best();
    plain.thread_blocks = blocks;
    if (search.take(plain)) return;
  }
}

/// A single group (GROUP -1) may have any size.
void fewer_rows_of_K(Shrinker& search) {
  const PlainCase whole = search.best();
  if (whole.groups() > 1) return;
  ddmin(first(units_of(whole.K(), repack::kPadK)), [&](const std::vector<int>& tiles) {
    Kept kept{.rows = spread(tiles, repack::kPadK, whole.K()), .groups = {0}};
    kept.group_size = static_cast<int>(kept.rows.size());
    return take_part_of_K(search, whole, kept, -1);
  });
}

void fewer_columns(Shrinker& search) {
  const PlainCase whole = search.best();
  ddmin(first(units_of(whole.N(), repack::kTileN)), [&](const std::vector<int>& tiles) {
    return search.take(with_columns(whole, spread(tiles, repack::kTileN, whole.N())));
  });
}

void no_bias(Shrinker& search) {
  PlainCase plain = search.best();
  plain.layer.bias = {};
  search.take(plain);
}

void no_act_order(Shrinker& search) {
  if (!search.best().layer.g_idx.empty()) search.take(without_act_order(search.best()));
}

void symmetric(Shrinker& search) {
  if (search.best().layer.symmetric) return;
  PlainCase plain = search.best();
  plain.layer.symmetric = true;
  plain.layer.zeros = Grid<std::uint8_t>::filled(plain.groups(), plain.N(), kSymmetricZero);
  search.take(plain);
}

/// Removes the stored zero points of a symmetric layer; the pair-packed format must keep them.
void no_stored_zeros(Shrinker& search) {
  PlainCase plain = search.best();
  if (!plain.layer.symmetric || plain.format == Format::pair_packed) return;
  plain.stores_zeros = false;
  search.take(plain);
}

std::string yes_no(bool value) { return value ? "yes" : "no"; }

}  // namespace

std::vector<Strategy> size_strategies() {
  const auto groups = [](const PlainCase& p) { return fmt::format("{} of {} rows", p.groups(), p.layer.group_size); };
  const auto rows = [](const PlainCase& p) { return fmt::format("{}", p.M()); };
  return {
      {"rows of A", rows, fewer_first_rows},
      {"groups", groups, fewer_groups},
      {"groups", groups, smaller_groups},
      {"groups", groups, one_group},
      {"K", [](const PlainCase& p) { return fmt::format("{}", p.K()); }, fewer_rows_of_K},
      {"thread blocks", [](const PlainCase& p) { return fmt::format("{}", p.thread_blocks); }, fewer_thread_blocks},
      {"columns", [](const PlainCase& p) { return fmt::format("{}", p.N()); }, fewer_columns},
      {"rows of A", rows, fewer_rows},  // after columns: trials of a small layer are cheap
      {"bias", [](const PlainCase& p) { return yes_no(!p.layer.bias.empty()); }, no_bias},
      {"act-order", [](const PlainCase& p) { return yes_no(!p.layer.g_idx.empty()); }, no_act_order},
      {"zero points of its own", [](const PlainCase& p) { return yes_no(!p.layer.symmetric); }, symmetric},
      {"stored zero points", [](const PlainCase& p) { return yes_no(p.stores_zeros); }, no_stored_zeros},
  };
}

}  // namespace w4::cases::shrink
