// SPDX-License-Identifier: Apache-2.0
#include "cases/search/race_probes.h"

#include "fixtures/half.h"
#include "kernel/lane_model/lanes.h"
#include "repack/plain_layer.h"

#include <algorithm>
#include <cmath>

namespace w4::cases::search {
namespace {

using fixtures::PlainLayer;
using kernel::RunResult;
using kernel::Task;

constexpr int kPieceRows = repack::kTileK;  // rows of K that share a read of scales, or more do
constexpr int kProblemRows = kernel::lane_model::kProblemRows;
constexpr int kUnitRows = 64;  // of K: block_tiles have a multiple of them
constexpr std::uint8_t kUnitCode = 9;
constexpr int kCarried = 64;  // groups with scales of their own; small, so that sums stay exact in 16 bits too

template <class T>
void fill(Grid<T>& grid, T value) {
  grid = Grid<T>::filled(grid.rows(), grid.cols(), value);
}

/// The scale that says its group: one more a group, of both signs, so that sums are small and seldom near 0.
constexpr int kLowest = -24, kBelowAll = -40;
int carried(int group) { return group % kCarried + kLowest; }

float alike_in_every_unit(int m, int packed_row) { return packed_row % kUnitRows == m % kUnitRows ? 1.0f : 0.0f; }

}  // namespace

RaceProbes::RaceProbes(LaunchTrials& trials)
    : trials_(trials),
      layer_(trials.prepared().layer),
      columns_(Grid<std::int32_t>::from(1, layer_.K,
                                        [&](int, int k) {
                                          const auto& perm = trials.task().packed.perm;
                                          return perm.empty() ? k : perm[static_cast<std::size_t>(k)];
                                        })),
      rows_(trials.task().A.rows()) {}

/// The first launch is not compared: shared memory may hold what another kernel left.
std::optional<bool> RaceProbes::differ(const char* what, const Task& task) {
  std::optional<RunResult> first;
  for (int i = 0; i <= kLaunches; ++i) {
    Task numbered = task;
    numbered.launch.number = static_cast<std::uint64_t>(i);
    RunResult result = trials_.with_task(what, numbered);
    if (!result.ran()) return std::nullopt;
    if (first && result.C != first->C) return true;
    if (i > 0 && !first) first = std::move(result);
  }
  return false;
}

Task RaceProbes::task_of(const PlainLayer& plain, Grid<std::uint16_t> A) const {
  Task task = trials_.task();
  const auto layer = std::make_shared<const fixtures::Layer>(repack::stored_like(layer_, plain));
  task.packed = repack::repack(*layer);
  task.stored = layer;
  task.A = std::move(A);
  return task;
}

/// Scales 1, zero points 8, a bias of 0 where there is one.
PlainLayer RaceProbes::with_unit_scales() const {
  PlainLayer plain = repack::plain_layer_of(layer_);
  fill(plain.scales, bits_of(1.0f, layer_.dtype));
  fill(plain.zeros, static_cast<std::uint8_t>(kSymmetricZero));
  fill(plain.bias, bits_of(0.0f, layer_.dtype));
  return plain;
}

/// value(m, packed row of K)
template <class Value>
Grid<std::uint16_t> RaceProbes::rows_of_a(const Value& value) const {
  return Grid<std::uint16_t>::made(rows_, layer_.K, [&](std::span<std::uint16_t> out) {
    for (int m = 0; m < rows_; ++m)
      for (int k = 0; k < layer_.K; ++k)
        out[static_cast<std::size_t>(m) * layer_.K + columns_(0, k)] = bits_of(value(m, k), layer_.dtype);
  });
}

/// Each piece of 16 rows of K is met by one row of each problem, with one 1: sums are small, and no read goes unseen.
bool RaceProbes::is_one_of_row(int m, int packed_row) const {
  const int rows = std::min(rows_, kProblemRows);
  return packed_row % kPieceRows == kPieceRows - 1 && packed_row / kPieceRows % rows == m % kProblemRows;
}

Task RaceProbes::with_equal_scales(int thread_blocks) const {
  const auto ones = [&](int m, int k) { return is_one_of_row(m, k) ? 1.0f : 0.0f; };
  Task task = task_of(with_unit_scales(), rows_of_a(ones));
  task.launch.thread_blocks = thread_blocks;
  return task;
}

std::optional<bool> RaceProbes::differ_with_equal_scales() {
  return differ("equal scales", with_equal_scales(trials_.task().launch.thread_blocks));
}

std::optional<int> RaceProbes::blocks_of_one_slice() const {
  const int thread_n = trials_.task().launch.block_tile.thread_n;
  if (thread_n == 0) return std::nullopt;
  const auto ceil_div = [](int a, int b) { return (a + b - 1) / b; };
  const int blocks = ceil_div(trials_.task().packed.N, thread_n) * ceil_div(rows_, kProblemRows);
  const int most = trials_.kernel().multiprocessors();
  return most > 0 && blocks > most ? std::nullopt : std::optional(blocks);
}

std::optional<bool> RaceProbes::differ_with_one_slice() {
  const std::optional<int> blocks = blocks_of_one_slice();
  return blocks ? differ("one slice a thread block", with_equal_scales(*blocks)) : std::nullopt;
}

std::optional<bool> RaceProbes::differ_on_one_block() { return differ("one thread block", with_equal_scales(1)); }

/// Rows of A and columns of W differ, so that sums in a wrong place show.
std::optional<bool> RaceProbes::differ_with_equal_rows_of_k() {
  constexpr int kValues = 7, kCodes = 3;
  PlainLayer plain = with_unit_scales();
  plain.codes = Grid<std::uint8_t>::from(plain.codes.rows(), plain.codes.cols(), [&](int, int n) {
    return static_cast<std::uint8_t>(kUnitCode + n / kPieceRows % kCodes);
  });
  const auto value = [&](int m, int k) { return static_cast<float>(1 + m % kValues) * alike_in_every_unit(m, k); };
  return differ("equal rows of K", task_of(plain, rows_of_a(value)));
}

RaceProbes::GroupsUsed RaceProbes::groups_used(std::optional<int> thread_blocks) {
  constexpr int kEnough = 3;  // launches with wrong outputs
  PlainLayer plain = with_unit_scales();
  fill(plain.codes, kUnitCode);
  plain.scales = Grid<std::uint16_t>::from(plain.scales.rows(), plain.scales.cols(), [&](int group, int) {
    return bits_of(static_cast<float>(carried(group)), layer_.dtype);
  });
  std::vector<int> right(static_cast<std::size_t>(rows_));
  for (int m = 0; m < rows_; ++m)
    for (int k = m % kUnitRows; k < layer_.K; k += kUnitRows)
      right[static_cast<std::size_t>(m)] += carried(k / layer_.group_size);
  Task task = task_of(plain, rows_of_a(alike_in_every_unit));
  task.launch.thread_blocks = thread_blocks.value_or(task.launch.thread_blocks);
  Task before = task;  // what it leaves in shared memory is below every group's scale: not that of a later group
  fill(before.packed.scales, bits_of(static_cast<float>(kBelowAll), layer_.dtype));
  GroupsUsed used;
  for (int wrong_launches = 0; used.launches < kLaunches && wrong_launches < kEnough; ++used.launches) {
    task.launch.number = static_cast<std::uint64_t>(used.launches);
    trials_.with_task("scales below all others", before);
    const RunResult result = trials_.with_task("scales that carry their group", task);
    const long long known = used.wrong();
    for (int m = 0; m < result.C.rows() && result.ran(); ++m)
      for (const std::uint16_t bits : result.C.row(m))
        used.count(value_of(bits, layer_.dtype), static_cast<float>(right[static_cast<std::size_t>(m)]));
    wrong_launches += used.wrong() > known ? 1 : 0;
  }
  return used;
}

/// A number nearer to 0 than to the right sum was not made with other groups' scales: something was written over it.
void RaceProbes::GroupsUsed::count(float got, float right) {
  constexpr float kLeast = 8;
  const float off = got - right;
  if (off == 0.0f) return;
  if (!(std::abs(off) <= std::max(kLeast, std::abs(right) / 2)))
    ++other;
  else if (off > 0.0f)
    ++later, nearest_later = std::min(nearest_later, off);
  else
    ++earlier, nearest_earlier = std::min(nearest_earlier, -off);
}

}  // namespace w4::cases::search
