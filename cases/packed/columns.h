// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/grid.h"
#include "fixtures/random/counter_random.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace w4::cases::packed {

inline constexpr int kOrderSpan = 64;  // columns of scales or zero points that are permuted among themselves

/// Which group each row of scales or zero points was taken from, and which column of each 64 its places hold.
struct ColumnsFit {
  std::vector<int> groups;
  std::vector<int> places;  // kOrderSpan of them, or all columns
};

/// `want` (groups, columns) in natural order as a fit puts it.
template <class T>
Grid<T> placed(const Grid<T>& want, const ColumnsFit& fit) {
  const int span = static_cast<int>(fit.places.size());
  return Grid<T>::from(static_cast<int>(fit.groups.size()), want.cols(), [&](int g, int p) {
    return want(fit.groups[static_cast<std::size_t>(g)],
                p / span * span + fit.places[static_cast<std::size_t>(p % span)]);
  });
}

/// What lies in places as a permutation of kOrderSpan has them, in natural order: the inverse of placed().
template <class T>
Grid<T> unplaced(const Grid<T>& seen, const std::vector<int>& places) {
  std::vector<int> at(places.size());
  for (std::size_t p = 0; p < places.size(); ++p) at[static_cast<std::size_t>(places[p])] = static_cast<int>(p);
  return Grid<T>::from(seen.rows(), seen.cols(), [&](int g, int n) {
    return seen(g, n / kOrderSpan * kOrderSpan + at[static_cast<std::size_t>(n % kOrderSpan)]);
  });
}

/// The columns of a span that come out of order(place), in the order of places.
template <class F>
std::vector<int> places_from(const F& order) {
  std::vector<int> places(kOrderSpan);
  for (int p = 0; p < kOrderSpan; ++p) places[static_cast<std::size_t>(p)] = order(p);
  return places;
}

namespace columns {

using Hashes = std::vector<std::uint64_t>;

/// The place of each content; own(i) where that has the same, otherwise the first. None: one occurs nowhere.
template <class Own>
std::optional<std::vector<int>> sources(const Hashes& got, const Hashes& want, const Own& own) {
  std::map<std::uint64_t, int> places;
  for (std::size_t i = want.size(); i-- > 0;) places[want[i]] = static_cast<int>(i);
  std::vector<int> found;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const int here = own(static_cast<int>(i));
    const auto place = places.find(got[i]);
    if (place == places.end()) return std::nullopt;
    found.push_back(want[static_cast<std::size_t>(here)] == got[i] ? here : place->second);
  }
  return found;
}

/// What a row holds in any order.
template <class T>
Hashes of_rows(const Grid<T>& grid) {
  Hashes hashes(static_cast<std::size_t>(grid.rows()));
  for (int g = 0; g < grid.rows(); ++g)
    for (const T value : grid.row(g)) hashes[static_cast<std::size_t>(g)] += fixtures::random::mixed(value + 1u);
  return hashes;
}

/// What each of `span` places holds in all rows and spans, in order.
template <class T, class Row>
Hashes of_places(const Grid<T>& grid, int rows, int span, const Row& row) {
  Hashes hashes(static_cast<std::size_t>(span));
  for (int g = 0; g < rows; ++g) {
    const auto cells = grid.row(row(g));
    for (std::size_t p = 0; p < cells.size(); ++p) {
      std::uint64_t& hash = hashes[p % static_cast<std::size_t>(span)];
      hash = fixtures::random::mixed(hash * 31 + cells[p] + 1u);
    }
  }
  return hashes;
}

}  // namespace columns

/// The groups and columns of `want` (groups, columns), in natural order, that `got` holds in its places, which by
/// definition hold the columns `reference` of each 64. Groups are found by what they hold in any order, then columns.
template <class T>
std::optional<ColumnsFit> fit_columns(const Grid<T>& got, const Grid<T>& want, const std::vector<int>& reference) {
  const auto self = [](int i) { return i; };
  const auto groups = columns::sources(columns::of_rows(got), columns::of_rows(want), self);
  if (!groups) return std::nullopt;
  ColumnsFit fit{*groups, reference};
  if (placed(want, fit) == got) return fit;
  const auto taken = [&](int g) { return fit.groups[static_cast<std::size_t>(g)]; };
  for (const int span : {kOrderSpan, got.cols()}) {
    const auto own = [&](int p) {
      return p / kOrderSpan * kOrderSpan + reference[static_cast<std::size_t>(p % kOrderSpan)];
    };
    const auto places = columns::sources(columns::of_places(got, got.rows(), span, self),
                                         columns::of_places(want, got.rows(), span, taken), own);
    if (!places) continue;
    fit.places = *places;
    if (placed(want, fit) == got) return fit;
  }
  return std::nullopt;
}

}  // namespace w4::cases::packed
