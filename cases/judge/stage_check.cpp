// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/stage_check.h"

#include "cases/judge/nibbles.h"

#include "cases/judge/cut_check.h"
#include "fixtures/error.h"
#include "fixtures/half.h"
#include "fixtures/parallel.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

namespace w4::cases::judge {
namespace {

using fixtures::Format;
using fixtures::ZeroEncoding;
using repack::Weights;

/// Compares a grid with a definition, row by row on all cores; keeps the first wrong cell in row-major order.
/// `want(row, column)` gives the right value, `name(row, column)` says where that is.
template <class T, class Want, class Name>
void compare_cells(const Grid<T>& got, int rows, int cols, const char* noun, const Want& want, const Name& name,
                   StageCheck& check) {
  if (!check.what.empty()) check.what += ", ";
  check.what += fmt::format("{} {}", static_cast<std::size_t>(rows) * cols, noun);
  check.compared += static_cast<std::size_t>(rows) * cols;
  if (got.rows() != rows || got.cols() != cols) {
    check.wrong += static_cast<std::size_t>(rows) * cols;
    if (check.first.empty())
      check.first = fmt::format("{} are ({}, {}) where ({}, {}) is right", noun, got.rows(), got.cols(), rows, cols);
    return;
  }
  std::mutex mutex;
  std::atomic<std::size_t> wrong = 0;
  std::pair<int, int> first = {rows, 0};
  for_each_index(rows, [&](int r) {
    std::size_t wrong_here = 0;
    int first_here = -1;
    for (int c = 0; c < cols; ++c) {
      if (got(r, c) == static_cast<T>(want(r, c))) continue;
      if (wrong_here++ == 0) first_here = c;
    }
    if (wrong_here == 0) return;
    wrong += wrong_here;
    const std::lock_guard lock(mutex);
    first = std::min(first, {r, first_here});
  });
  check.wrong += wrong;
  if (wrong > 0 && check.first.empty()) {
    const auto [r, c] = first;
    check.first = fmt::format("{}: {:#x} where {:#x} is right", name(r, c), got(r, c), static_cast<T>(want(r, c)));
  }
}

auto row_column(const char* row, const char* column) {
  return [=](int r, int c) { return fmt::format("({}={}, {}={})", row, r, column, c); };
}

template <class T>
void compare_same(const Grid<T>& got, const Grid<T>& want, const char* noun, StageCheck& check) {
  if (want.empty() && got.empty()) return;
  compare_cells(
      got, want.rows(), want.cols(), noun, [&](int r, int c) { return want(r, c); }, row_column("row", "column"),
      check);
}

/// The Marlin format holds multiples of 64 rows and columns.
int padded(int extent) { return (extent + 63) / 64 * 64; }
int kernel_groups(const Weights& w) { return w.kernel_group_size >= w.K ? 1 : padded(w.K) / w.kernel_group_size; }

void check_number(const char* name, int got, int want, StageCheck& check) {
  ++check.compared;
  if (got == want) return;
  ++check.wrong;
  if (check.first.empty()) check.first = fmt::format("{} is {} where the layer has {}", name, got, want);
}

/// The layer that a cut was taken from is part of the definition: the cut is judged before the first stage.
StageCheck checked_cut(const Weights& before) {
  StageCheck check;
  if (!before.cut_from) return check;
  const CutCheck cut = check_cut(before);
  check.compared = cut.compared;
  check.wrong = cut.wrong;
  check.first = cut.first;
  check.what =
      fmt::format("{} weights as in the layer they are cut from", static_cast<std::size_t>(before.K) * before.N);
  return check;
}

StageCheck check_checkpoint(const Weights& before, const Weights& after) {
  StageCheck check = checked_cut(before);
  check_number("K", after.K, before.K, check);
  check_number("N", after.N, before.N, check);
  check_number("group_size", after.group_size, before.group_size, check);
  const auto size = before.group_size;
  const bool taken = size == 32 || size == 64 || size == 128;
  check_number("the kernel's group_size", after.kernel_group_size, taken ? size : before.K, check);
  check_number("format", static_cast<int>(after.format), static_cast<int>(before.format), check);
  check_number("dtype", static_cast<int>(after.dtype), static_cast<int>(before.dtype), check);
  check_number("symmetric", after.symmetric, before.symmetric, check);
  check_number("zero encoding", static_cast<int>(after.zero_encoding), static_cast<int>(before.zero_encoding), check);
  compare_same(after.words, before.words, "words", check);
  compare_same(after.pairs, before.pairs, "pairs", check);
  compare_same(after.stored_scales, before.stored_scales, "scales", check);
  compare_same(after.zero_words, before.zero_words, "words of zero points", check);
  compare_same(after.float_zeros, before.float_zeros, "zero points", check);
  compare_same(after.g_idx, before.g_idx, "entries of g_idx", check);
  compare_same(after.bias, before.bias, "entries of bias", check);
  return check;
}

StageCheck check_codes(const Weights& w, const Weights& after) {
  const auto want = [&](int k, int n) {
    switch (w.format) {
      case Format::gptq: return nibble(w.words(k / 8, n), k % 8);
      case Format::awq: return nibble(w.words(k, n / 8), awq_position(n));
      case Format::compressed_tensors: return nibble(w.words(n, k / 8), k % 8);
      case Format::pair_packed: break;
    }
    return w.pairs(k / 2, n) >> (4 * (k % 2)) & 15;
  };
  StageCheck check;
  compare_cells(after.codes, w.K, w.N, "codes", want, row_column("k", "n"), check);
  return check;
}

/// z(group, n) of the stored zero points.
int zero_point(const Weights& w, int group, int n) {
  switch (w.format) {
    case Format::awq: return nibble(w.zero_words(group, n / 8), awq_position(n));
    case Format::compressed_tensors: return nibble(w.zero_words(n / 8, group), n % 8);
    case Format::pair_packed: return static_cast<int>(value_of(w.float_zeros(group, n), DType::bf16));
    case Format::gptq: break;
  }
  const int stored = nibble(w.zero_words(group, n / 8), n % 8);
  return w.zero_encoding == ZeroEncoding::minus_one ? (stored + 1) % 16 : stored;
}

/// Zero points that are absent mean 8 everywhere; the two are the same value.
Grid<std::uint8_t> or_eights(const Grid<std::uint8_t>& zeros, int rows, int cols) {
  if (!zeros.empty()) return zeros;
  return {rows, cols, std::vector<std::uint8_t>(static_cast<std::size_t>(rows) * cols, 8)};
}

StageCheck check_zero_points(const Weights& w, const Weights& after) {
  StageCheck check;
  compare_cells(
      or_eights(after.zeros, w.groups(), w.N), w.groups(), w.N, "zero points",
      [&](int g, int n) { return w.symmetric ? 8 : zero_point(w, g, n); }, row_column("group", "n"), check);
  return check;
}

/// Rows of K sorted by group, rows of one group as stored: by counting, not by sorting.
std::vector<int> sorted_rows(const Weights& w) {
  std::vector<int> rows;
  for (int group = 0; group < w.groups(); ++group)
    for (int k = 0; k < w.K; ++k)
      if (w.g_idx(0, k) == group) rows.push_back(k);
  return rows;
}

StageCheck check_act_order(const Weights& w, const Weights& after) {
  StageCheck check;
  const auto at = row_column("row", "i");
  const bool ordered = !w.g_idx.empty() && !(w.kernel_group_size >= w.K);
  std::vector<int> rows;
  if (ordered) rows = sorted_rows(w);
  const auto stored_row = [&](int i) { return ordered ? rows[static_cast<std::size_t>(i)] : i; };
  const auto group_of = [&](int i) { return ordered ? w.g_idx(0, stored_row(i)) : i / w.group_size; };
  compare_cells(
      after.codes, w.K, w.N, "codes in place", [&](int i, int n) { return w.codes(stored_row(i), n); },
      row_column("row", "n"), check);
  compare_cells(
      after.row_group, 1, w.K, "rows' groups", [&](int, int i) { return group_of(i); }, at, check);
  if (ordered || !after.column_order.empty())
    compare_cells(
        after.column_order, 1, w.K, "columns of A", [&](int, int i) { return stored_row(i); }, at, check);
  return check;
}

StageCheck check_scales(const Weights& w, const Weights& after) {
  const bool by_column = w.format == Format::compressed_tensors;
  const int stored_groups = by_column ? w.stored_scales.cols() : w.stored_scales.rows();
  const auto stored_group = [&](int g) -> std::optional<int> {  // none: a group of padding
    const int k = g * w.kernel_group_size;
    return k < w.K ? std::optional(w.row_group(0, k)) : std::nullopt;
  };
  const auto scale = [&](int g, int n) -> std::uint16_t {
    const auto group = stored_group(g);
    if (!group || n >= w.N) return 0;
    if (*group >= stored_groups) return repack::kGuardScale;
    return by_column ? w.stored_scales(n, *group) : w.stored_scales(*group, n);
  };
  const auto zero = [&](int g, int n) -> int {
    const auto group = stored_group(g);
    if (!group || n >= w.N || w.zeros.empty()) return 8;
    return *group >= w.zeros.rows() ? 15 : w.zeros(*group, n);
  };
  StageCheck check;
  compare_cells(after.scales, kernel_groups(w), padded(w.N), "scales", scale, row_column("group", "n"), check);
  compare_cells(or_eights(after.kernel_zeros, kernel_groups(w), padded(w.N)), kernel_groups(w), padded(w.N),
                "zero points", zero, row_column("group", "n"), check);
  return check;
}

/// The column that place p holds: grouped, inside each 64; one group, inside each 32.
int grouped_column(int p) { return p / 64 * 64 + p % 64 / 8 + 8 * (p % 8); }
int single_column(int p) { return p / 32 * 32 + 2 * (p % 32 / 8) + p % 2 + 8 * (p % 8 / 2); }

StageCheck check_scale_order(const Weights& w, const Weights& after) {
  const Grid<std::uint8_t> natural = or_eights(w.kernel_zeros, w.scales.rows(), w.scales.cols());
  const auto scale = [&](int g, int p) {
    return w.scales(g, (w.kernel_group_size >= w.K) ? single_column(p) : grouped_column(p));
  };
  const auto zeros = [&](int g, int word) {
    std::uint32_t packed = 0;
    for (int slot = 0; slot < 8; ++slot) {
      const int place = 8 * word + (slot < 4 ? 2 * slot : 2 * slot - 7);
      packed |= std::uint32_t{natural(g, grouped_column(place))} << (4 * slot);
    }
    return packed;
  };
  StageCheck check;
  compare_cells(after.ordered_scales, w.scales.rows(), w.scales.cols(), "scales in place", scale,
                row_column("group", "place"), check);
  if (!w.kernel_zeros.empty() || !after.ordered_zeros.empty())
    compare_cells(after.ordered_zeros, w.scales.rows(), w.scales.cols() / 8, "words of zero points", zeros,
                  row_column("group", "word"), check);
  return check;
}

StageCheck check_tiles(const Weights& w, const Weights& after) {
  const int blocks_n = padded(w.N) / 16;
  const auto at = [&](int block, int cell) {
    return std::pair{block / blocks_n * 16 + cell / 16, block % blocks_n * 16 + cell % 16};
  };
  const auto want = [&](int block, int cell) -> int {
    const auto [k, n] = at(block, cell);
    if (k < w.K && n < w.N) return w.codes(k, n);
    if (w.kernel_zeros.empty()) return 8;  // padding has weight 0: its code is its zero point
    return w.kernel_zeros((w.kernel_group_size >= w.K) ? 0 : k / w.kernel_group_size, n);
  };
  const auto name = [&](int block, int cell) {
    const auto [k, n] = at(block, cell);
    return fmt::format("(k={}, n={})", k, n);
  };
  StageCheck check;
  compare_cells(after.tiles, padded(w.K) / 16 * blocks_n, 256, "codes in tiles", want, name, check);
  return check;
}

StageCheck check_fragments(const Weights& w, const Weights& after) {
  const int blocks_n = padded(w.N) / 16;
  const auto want = [&](int tile_row, int word) {
    const int lane = word % 128 / 4;
    const int block = tile_row * blocks_n + word / 128 * 4 + word % 4;
    std::uint32_t packed = 0;
    for (int slot = 0; slot < 8; ++slot) {
      const int e = 2 * (slot % 4) + slot / 4;
      const int k = 2 * (lane % 4) + e % 2 + 8 * (e / 2 % 2);
      const int n = lane / 4 + 8 * (e / 4);
      packed |= std::uint32_t{w.tiles(block, 16 * k + n)} << (4 * slot);
    }
    return packed;
  };
  const auto name = [](int tile_row, int word) {
    return fmt::format("(tile row {}, tile column {}, lane {}, word {})", tile_row, word / 128, word % 128 / 4,
                       word % 4);
  };
  StageCheck check;
  compare_cells(after.packed, padded(w.K) / 16, 2 * padded(w.N), "words", want, name, check);
  return check;
}

}  // namespace

StageCheck check_stage(StageId stage, const Weights& before, const Weights& after) {
  using Check = StageCheck (*)(const Weights&, const Weights&);
  static constexpr Check kChecks[] = {check_checkpoint, check_codes,       check_zero_points, check_act_order,
                                      check_scales,     check_scale_order, check_tiles,       check_fragments};
  return kChecks[static_cast<std::size_t>(stage)](before, after);
}

}  // namespace w4::cases::judge
