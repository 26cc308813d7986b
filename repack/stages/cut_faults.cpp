// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/cut_faults.h"

#include <optional>

namespace w4::repack::cut_faults {
namespace {

using fixtures::Cut;
using fixtures::Format;

/// A group of a layer, and the column of that layer where the cut begins.
struct Source {
  int group;
  int column;
};

bool cut_by(const Weights& w, Cut::Kind kind) { return w.cut_from && w.cut_from->cut.kind == kind; }

/// A cut of rows of a layer with act-order and more than one group.
bool ordered_rows(const Weights& w) {
  return cut_by(w, Cut::Kind::rows) && !w.g_idx.empty() && w.cut_from->whole.groups() > 1;
}

int first_row(const Weights& w) { return w.cut_from->cut.rank * w.K; }  // in the whole

/// The cut's first row of each of its groups.
std::vector<int> first_rows_of_groups(const Weights& w) {
  std::vector<int> rows(static_cast<std::size_t>(w.groups()), 0);
  for (int k = w.K - 1; k >= 0; --k)
    rows[static_cast<std::size_t>(w.g_idx.empty() ? k / w.group_size : w.g_idx(0, k))] = k;
  return rows;
}

/// A grid (groups, columns), or (columns, groups), whose cells hold `per_cell` columns: those of `from` that
/// source(group) gives, or `guard` where it gives none.
template <class T, class F>
Grid<T> regrouped(const Weights& w, const Grid<T>& right, const Grid<T>& from, int per_cell, T guard, const F& source) {
  const bool n_first = w.format == Format::compressed_tensors;
  return Grid<T>::from(right.rows(), right.cols(), [&](int r, int c) {
    const std::optional<Source> place = source(n_first ? c : r);
    if (!place) return guard;
    const int column = place->column / per_cell + (n_first ? r : c);
    return n_first ? from(column, place->group) : from(place->group, column);
  });
}

/// Scales and zero points of the groups in `whole` that source(group) gives; guard values where it gives none.
template <class F>
Weights with_groups(const Weights& w, const Weights& whole, const F& source) {
  Weights out = w;
  out.stored_scales = regrouped(w, w.stored_scales, whole.stored_scales, 1, kGuardScale, source);
  out.zero_words = regrouped(w, w.zero_words, whole.zero_words, kCodesPerWord, kUnwrittenWord, source);
  out.float_zeros = regrouped(w, w.float_zeros, whole.float_zeros, 1, kGuardScale, source);
  return out;
}

/// A grid of the cut's shape from the whole: its columns (its rows, where N is the first axis) from `first` on.
template <class T>
Grid<T> columns_at(const Grid<T>& right, const Grid<T>& whole, int first, bool n_first) {
  return Grid<T>::from(right.rows(), right.cols(),
                       [&](int r, int c) { return n_first ? whole(first + r, c) : whole(r, first + c); });
}

}  // namespace

Weights scales_cut_with_rows(const Weights& w) {
  if (!ordered_rows(w)) return w;
  const Weights& whole = w.cut_from->whole;
  const int kept = whole.groups() / w.cut_from->cut.count, first = w.cut_from->cut.rank * kept;
  const std::vector<int> rows = first_rows_of_groups(w);
  return with_groups(w, whole, [&](int g) -> std::optional<Source> {
    const int group = whole.g_idx(0, first_row(w) + rows[static_cast<std::size_t>(g)]);
    if (group >= kept) return std::nullopt;
    return Source{first + group, 0};
  });
}

Weights expert_offset_of_cut(const Weights& w) {
  if (!ordered_rows(w) || !cut_by(w.cut_from->whole, Cut::Kind::expert)) return w;
  const Weights& expert = w.cut_from->whole;
  const Weights& all = expert.cut_from->whole;
  const int offset = expert.cut_from->cut.rank * (w.K / expert.group_size);  // in groups, experts one after another
  const std::vector<int> rows = first_rows_of_groups(w);
  return with_groups(w, all, [&](int g) {
    const int group = offset + expert.g_idx(0, first_row(w) + rows[static_cast<std::size_t>(g)]);
    return std::optional(Source{group % expert.groups(), group / expert.groups() * expert.N});
  });
}

Weights g_idx_cut_as_words(const Weights& w) {
  if (!ordered_rows(w)) return w;
  const Weights& whole = w.cut_from->whole;
  const std::vector<int> rows = first_rows_of_groups(w);
  return with_groups(w, whole, [&](int g) {
    const int row = first_row(w) / kCodesPerWord + rows[static_cast<std::size_t>(g)];
    return std::optional(Source{whole.g_idx(0, row), 0});
  });
}

Weights no_scales(const Weights& w) {
  if (!cut_by(w, Cut::Kind::rows) || w.cut_from->whole.groups() > 1) return w;
  Weights out = w;
  const bool n_first = w.format == Format::compressed_tensors;
  out.stored_scales = Grid<std::uint16_t>(n_first ? w.N : 0, n_first ? 0 : w.N, {});
  return out;
}

Weights groups_from_first_row(const Weights& w) {
  if (!cut_by(w, Cut::Kind::rows) || !w.g_idx.empty() || w.cut_from->whole.groups() == 1) return w;
  const Weights& whole = w.cut_from->whole;
  const int first = first_row(w) / whole.group_size;
  return with_groups(w, whole, [&](int g) {
    return std::optional(Source{first + g * w.group_size / whole.group_size, 0});
  });
}

Weights next_expert(const Weights& w) {
  if (!cut_by(w, Cut::Kind::expert)) return w;
  const auto& [cut, whole] = *w.cut_from;
  const int n = (cut.rank + 1) % cut.count * w.N;
  const bool n_first = w.format == Format::compressed_tensors;
  Weights out = w;
  out.words = columns_at(w.words, whole.words, w.format == Format::awq ? n / kCodesPerWord : n, n_first);
  out.pairs = columns_at(w.pairs, whole.pairs, n, n_first);
  out.zero_words = columns_at(w.zero_words, whole.zero_words, n / kCodesPerWord, n_first);
  out.float_zeros = columns_at(w.float_zeros, whole.float_zeros, n, n_first);
  out.stored_scales = columns_at(w.stored_scales, whole.stored_scales, n, n_first);
  out.bias = columns_at(w.bias, whole.bias, n, false);
  return out;
}

}  // namespace w4::repack::cut_faults
