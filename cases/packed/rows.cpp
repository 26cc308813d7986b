// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/rows.h"

#include "cases/probe/index_formula.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace w4::cases::packed {
namespace {

constexpr int kFirstRows = 6;  // of an order without a formula

RowOrder composed(const RowOrder& first, const RowOrder& then) {
  RowOrder out;
  for (const int i : then) out.push_back(first[static_cast<std::size_t>(i)]);
  return out;
}

RowOrder sorted_by(const RowsRight& right, bool descending, bool last_first) {
  RowOrder rows = identity_order(static_cast<int>(right.rows.size()));
  if (last_first) std::ranges::reverse(rows);
  std::ranges::stable_sort(rows, [&](int a, int b) {
    const int x = right.group[static_cast<std::size_t>(a)], y = right.group[static_cast<std::size_t>(b)];
    return descending ? x > y : x < y;
  });
  return rows;
}

}  // namespace

RowOrder identity_order(int count) {
  RowOrder order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

bool is_permutation(const RowOrder& order) {
  std::vector<bool> taken(order.size());
  for (const int row : order) {
    if (row < 0 || row >= static_cast<int>(order.size()) || taken[static_cast<std::size_t>(row)]) return false;
    taken[static_cast<std::size_t>(row)] = true;
  }
  return true;
}

RowOrder inverse_of(const RowOrder& order) {
  RowOrder out(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) out[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  return out;
}

RowOrder order_of(const Grid<std::int32_t>& perm, int count) {
  return perm.empty() ? identity_order(count) : RowOrder(perm.cells().begin(), perm.cells().end());
}

bool RowsRight::sound(const RowOrder& order) const {
  if (!is_permutation(order)) return false;
  for (std::size_t i = 0; i < order.size(); ++i)
    if (group[static_cast<std::size_t>(order[i])] != group[static_cast<std::size_t>(rows[i])]) return false;
  return true;
}

std::vector<NamedOrder> likely_orders(const RowsRight& right) {
  const int count = static_cast<int>(right.rows.size());
  RowOrder backwards = identity_order(count);
  std::ranges::reverse(backwards);
  std::vector<NamedOrder> all = {{"the sorted rows", right.rows}, {"as stored", identity_order(count)}};
  if (right.ordered) {
    all.push_back({"the inverse of the sorted rows", inverse_of(right.rows)});
    all.push_back({"the sorted rows, permuted twice", composed(right.rows, right.rows)});
    all.push_back({"sorted by group, but last row first inside a group", sorted_by(right, false, true)});
    all.push_back({"sorted by group in descending order", sorted_by(right, true, false)});
    all.push_back({"sorted by group in descending order, last row first", sorted_by(right, true, true)});
  }
  all.push_back({"as stored, last row first", backwards});
  return all;
}

std::string text_of_rows(const RowOrder& order, const RowsRight& right) {
  for (const NamedOrder& known : likely_orders(right))
    if (known.order == order && (right.ordered || known.text != "the sorted rows")) return known.text;
  const int count = static_cast<int>(order.size());
  if (const std::string text = probe::formula_of(order, count, "i"); !text.empty()) return "row " + text;
  if (!is_permutation(order)) return "no permutation: some rows occur twice, others never";
  if (right.ordered) {
    const std::string text = probe::formula_of(composed(inverse_of(right.rows), order), count, "i");
    if (!text.empty()) return "the sorted rows with i = " + text;
    if (right.sound(order)) return "sorted by group, with the rows of a group in another order";
  }
  return fmt::format("another order, {}, ...",
                     fmt::join(order.begin(), order.begin() + std::min(count, kFirstRows), ", "));
}

namespace {

std::string like_rows(const RowOrder& rows, const RowOrder& perm, const RowsRight& right) {
  const RowOrder stored = identity_order(static_cast<int>(rows.size()));
  const bool rows_right = right.sound(rows);
  if (rows == stored && perm == stored) return "gidx-ignored";
  if (rows_right && perm == stored) return "perm-a-missing";
  if (rows_right && perm == inverse_of(rows)) return "perm-a-inverse";
  return "";
}

std::string undo_rows(const RowOrder& rows, const RowOrder& perm, const RowsRight& right) {
  if (!right.sound(rows)) return "";  // rows that are in wrong groups must be packed again
  if (!right.ordered && rows == right.rows) return "perm = np.arange(len(perm), dtype=np.int32)";
  if (is_permutation(perm) && inverse_of(perm) == rows) return "perm = perm.argsort().astype(np.int32)";
  if (RowOrder(perm.rbegin(), perm.rend()) == rows) return "perm = perm[::-1].copy()";
  if (rows == right.rows) return "perm = np.argsort(g_idx, kind=\"stable\").astype(np.int32)";
  return "";
}

}  // namespace

std::optional<PackedWay> act_order_way(const RowOrder& rows, const RowOrder& perm, const RowsRight& right) {
  if (rows == perm && right.sound(rows)) return std::nullopt;
  PackedWay way{.stage = StageId::act_order, .fault = like_rows(rows, perm, right)};
  const std::string here = text_of_rows(rows, right), there = text_of_rows(perm, right);
  const bool rows_right = right.sound(rows);
  if (way.fault.empty() && rows == perm) {
    way.fault = "like gidx-ignored: rows and perm are " + here;
  } else if (way.fault.empty() && rows_right && perm == right.rows) {
    way.fault = "rows of the weights inside a group stand in another order than perm says";
  } else if (way.fault.empty() && rows_right) {
    way.fault = fmt::format("{}perm is {}; right is {}", right.ordered ? "like perm-a-missing: " : "", there, here);
  } else if (way.fault.empty()) {
    way.fault = fmt::format("{}rows of the weights are {}, perm is {}", right.ordered ? "like gidx-ignored: " : "",
                            here, there);
  } else {
    way.variant = way.fault;
  }
  way.evidence.push_back(fmt::format("rows of the weights: {}; perm: {}", here, there));
  way.undo = undo_rows(rows, perm, right);
  return way;
}

}  // namespace w4::cases::packed
