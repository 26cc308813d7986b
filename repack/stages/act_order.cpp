// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/act_order.h"

#include "fixtures/error.h"
#include "fixtures/parallel.h"

#include <algorithm>
#include <numeric>

namespace w4::repack::act_order {
namespace {

using Order = Grid<std::int32_t>;

template <class F>
Order vector_from(int count, const F& f) {
  return Order::from(1, count, [&](int, int i) { return f(i); });
}

Order sorted_by_group(const Weights& w) {
  return Order::made(1, w.K, [&](std::span<std::int32_t> rows) {
    std::iota(rows.begin(), rows.end(), 0);
    std::stable_sort(rows.begin(), rows.end(), [&](int a, int b) { return w.g_idx(0, a) < w.g_idx(0, b); });
  });
}

/// The kernel changes scales every kernel_group_size rows, so every group must have that many.
void check_lengths(const Weights& w, const Order& row_group) {
  for (int i = 0; i < w.K; ++i) {
    const int wanted = i / w.kernel_group_size;
    if (row_group(0, i) == wanted) continue;
    const auto rows = std::count(w.g_idx.cells().begin(), w.g_idx.cells().end(), wanted);
    throw CannotTest("g_idx gives group {} {} rows where group_size is {}: the Marlin format has groups of one length",
                     wanted, rows, w.kernel_group_size);
  }
}

Order inverse(const Order& order) {
  return Order::made(1, order.cols(), [&](std::span<std::int32_t> out) {
    for (int i = 0; i < order.cols(); ++i) out[static_cast<std::size_t>(order(0, i))] = i;
  });
}

/// Row i of the result is row order[i].
Grid<std::uint8_t> gathered(const Grid<std::uint8_t>& codes, const Order& order) {
  return Grid<std::uint8_t>::made(codes.rows(), codes.cols(), [&](std::span<std::uint8_t> out) {
    for_each_index(codes.rows(), [&](int i) {
      const auto row = codes.row(order(0, i));
      std::copy(row.begin(), row.end(), out.begin() + static_cast<std::ptrdiff_t>(i) * codes.cols());
    });
  });
}

Weights in_stored_order(const Weights& w) {
  Weights out = w;
  out.row_order = {};
  out.column_order = {};
  out.row_group = vector_from(w.K, [&](int k) { return k / w.group_size; });
  return out;
}

}  // namespace

Weights reference(const Weights& w) {
  if (w.g_idx.empty() || w.one_group()) return in_stored_order(w);
  Weights out = w;
  out.row_order = sorted_by_group(w);
  out.column_order = out.row_order;
  out.row_group = vector_from(w.K, [&](int i) { return w.g_idx(0, out.row_order(0, i)); });
  check_lengths(w, out.row_group);
  if (!w.codes.empty()) out.codes = gathered(w.codes, out.row_order);
  return out;
}

Grid<std::uint8_t> rows_as_stored(const Grid<std::uint8_t>& codes, const Grid<std::int32_t>& order) {
  return order.empty() ? codes : gathered(codes, inverse(order));
}

namespace {

Weights dummy_zero(const Weights& w) {
  Weights out = in_stored_order(w);
  out.row_group = vector_from(w.K, [](int) { return 0; });
  return out;
}

/// Groups counted from 1. One group is looked up without an index and stays right.
Weights out_of_range(const Weights& w) {
  Weights out = reference(w);
  if (w.one_group()) return out;
  const Order right = out.row_group;
  out.row_group = vector_from(w.K, [&](int i) { return right(0, i) + 1; });
  return out;
}

Weights perm_a_missing(const Weights& w) {
  Weights out = reference(w);
  out.column_order = {};
  return out;
}

Weights perm_a_inverse(const Weights& w) {
  Weights out = reference(w);
  if (!out.row_order.empty()) out.column_order = inverse(out.row_order);
  return out;
}

constexpr Variant kVariants[] = {
    {"reference", "", reference, "", "", ""},
    {"gidx-ignored", "gidx-ignored", in_stored_order, "ignores g_idx: row k takes the scale of group k / group_size",
     "sort the rows by g_idx, and the columns of A with them", "the layer has act-order and more than one group"},
    {"gidx-dummy-zero", "gidx-dummy-zero", dummy_zero,
     "takes a g_idx of zeros at its word: every row has the scale of group 0",
     "pass no g_idx where the layer has none, and the checkpoint's own where it has one",
     "the layer has more than one group"},
    {"gidx-out-of-range", "gidx-out-of-range", out_of_range,
     "counts groups from 1: every row has the next group's scale, the last group what lies behind the scales",
     "check that g_idx lies in 0..groups-1 before scales are looked up with it", "the layer has more than one group"},
    {"perm-a-missing", "perm-a-missing", perm_a_missing, "sorts the rows of the weights, but not the columns of A",
     "pass the kernel the permutation that sorted the rows", "the layer has act-order and more than one group"},
    {"perm-a-inverse", "perm-a-inverse", perm_a_inverse, "permutes the columns of A by the inverse permutation",
     "row i of the sorted weights meets column perm[i] of A: gather by perm, do not scatter",
     "the layer has act-order with more than one group, and the permutation is not its own inverse"},
};

}  // namespace

Stage stage() { return {StageId::act_order, "g_idx to a row permutation, and A's columns with it", kVariants}; }

}  // namespace w4::repack::act_order
