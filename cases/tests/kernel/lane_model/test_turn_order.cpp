// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/lane_model/known_layer.h"
#include "fixtures/half.h"
#include "kernel/lane_model/rounding.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace {

using namespace w4;
using namespace w4::tests;
using kernel::Launch;
using kernel::RunResult;
using kernel::Task;
using kernel::lane_model::run_lane_model;

/// 4 k_tiles, 2 columns, stripes of 2: every column has two slices.
Task two_slices_a_column(int reduce_bits, int M = 3) {
  return task_of(known_layer({.M = M, .K = 512, .N = 192, .group_size = 128}),
                 {.block_tile = {128, 128}, .thread_blocks = 4, .reduce_bits = reduce_bits});
}

/// 4 k_tiles, 2 columns, stripes of 4: every column has one.
Task one_slice_a_column(int reduce_bits) {
  Task task = two_slices_a_column(reduce_bits);
  task.launch.thread_blocks = 2;
  return task;
}

template <class Holds>
bool all_of_columns(const RunResult& result, int begin, int end, const Holds& holds) {
  for (int m = 0; m < result.C.rows(); ++m)
    for (int n = begin; n < end; ++n)
      if (!holds(result.C(m, n))) return false;
  return true;
}

}  // namespace

TEST_CASE("reduce: a lock that is not reset leaves the output right and the workspace dirty") {
  for (const int bits : {16, 32}) {
    Task task = two_slices_a_column(bits);
    const RunResult right = run_lane_model(task), result = run_lane_model(task, {{"reduce", "lock-workspace-dirty"}});
    CHECK(right.workspace == std::vector<std::int32_t>{0, 0});
    CHECK(result.workspace == std::vector<std::int32_t>{2, 2});
    CHECK(result.C == right.C);
    CHECK(result.ran());
    task.launch.workspace = result.workspace;
    CHECK(run_lane_model(task, {{"reduce", "lock-workspace-dirty"}}).timed_out);
    CHECK(run_lane_model(task).timed_out);
  }
  CHECK(run_lane_model(one_slice_a_column(32), {{"reduce", "lock-workspace-dirty"}}).workspace ==
        std::vector<std::int32_t>{0, 0});
}

TEST_CASE("reduce: a slice that never gets its turn hangs and its column stays unwritten") {
  Task task = two_slices_a_column(32);
  task.launch.workspace = {0, 9};
  const RunResult result = run_lane_model(task);
  CHECK(result.timed_out);
  CHECK_FALSE(result.ran());
  CHECK(result.workspace == task.launch.workspace);
  CHECK(result.block_tiles_done == 8);
  CHECK(all_of_columns(result, 128, 192, [&](std::uint16_t bits) { return bits == task.launch.fill; }));
  CHECK(all_of_columns(result, 0, 128, [&](std::uint16_t bits) { return bits != task.launch.fill; }));
}

TEST_CASE("reduce: a slice that gets its turn early adds what lies in the buffer") {
  for (const int bits : {16, 32}) {
    Task task = two_slices_a_column(bits);
    const RunResult right = run_lane_model(task);
    task.launch.workspace = {1, 0};
    const RunResult result = run_lane_model(task);
    CHECK_FALSE(result.timed_out);
    CHECK(result.workspace == task.launch.workspace);  // the top slice resets the lock, then the bottom one raises it
    const auto same_as_right = [&](int begin, int end) {
      for (int n = begin; n < end; ++n)
        if (result.C(0, n) != right.C(0, n)) return false;
      return true;
    };
    CHECK(same_as_right(128, 192));
    CHECK_FALSE(same_as_right(0, 128));
    // 32 bits: the fill is in the sum. 16 bits: the bottom slice's partial sums lie over the output.
    const auto is_nan = [](std::uint16_t b) { return b == kernel::lane_model::kCanonicalNan; };
    CHECK(all_of_columns(result, 0, 128, is_nan) == (bits == 32));
  }
}

TEST_CASE("reduce: columns of one slice do not look at their locks") {
  Task task = one_slice_a_column(32);
  const RunResult right = run_lane_model(task);
  task.launch.workspace = {5, -3, 8};
  const RunResult result = run_lane_model(task);
  CHECK(result.C == right.C);
  CHECK(result.ran());
  CHECK(result.workspace == task.launch.workspace);
}

TEST_CASE("reduce: partial sums in 16 bits although 32 were asked for are those of a 16-bit run") {
  CHECK(run_lane_model(two_slices_a_column(32), {{"reduce", "lowprec-partial-reduce"}}).C ==
        run_lane_model(two_slices_a_column(16)).C);
  CHECK(run_lane_model(two_slices_a_column(16)).C != run_lane_model(two_slices_a_column(32)).C);
  CHECK(run_lane_model(one_slice_a_column(32), {{"reduce", "lowprec-partial-reduce"}}).C ==
        run_lane_model(one_slice_a_column(32)).C);
}

TEST_CASE("reduce: atomic additions start from what C held") {
  constexpr auto kFault = "output-not-zeroed-atomic";
  for (const Task& whole : {one_slice_a_column(32), two_slices_a_column(32)}) {
    const auto is_nan = [](std::uint16_t b) { return b == kernel::lane_model::kCanonicalNan; };
    CHECK(all_of_columns(run_lane_model(whole, {{"reduce", kFault}}), 0, 192, is_nan));
  }
  Task task = one_slice_a_column(32);
  const RunResult right = run_lane_model(task);
  task.launch.fill = 0;
  CHECK(run_lane_model(task, {{"reduce", kFault}}).C == right.C);
  task.launch.fill = bits_of(4.0f, DType::fp16);
  const RunResult onto = run_lane_model(task, {{"reduce", kFault}});
  for (int n = 0; n < 192; ++n)
    CHECK(onto.C(0, n) == bits_of(4.0f + value_of(right.C(0, n), DType::fp16), DType::fp16));
}

TEST_CASE("reduce: of several atomic additions one brings the bias") {
  const Known known = known_layer({.K = 512, .N = 192, .bias = true});
  Task task = task_of(known, {.block_tile = {128, 128}, .thread_blocks = 8});  // one block_tile each
  task.A = Grid<std::uint16_t>(1, 512, std::vector<std::uint16_t>(512));
  task.launch.fill = 0;
  const RunResult result = run_lane_model(task, {{"reduce", "output-not-zeroed-atomic"}});
  for (int n = 0; n < 192; ++n) CHECK(value_of(result.C(0, n), DType::fp16) == known.bias_at(n));
}

TEST_CASE("reduce: rows beyond M are never written") {
  // A buffer behind C would be hit by unpredicated rows: the padded C has none, so every row of it is checked by asan.
  for (const int M : {1, 17, 65}) {
    const Task task = two_slices_a_column(16, M);
    const RunResult result = run_lane_model(task);
    CHECK(result.C.rows() == M);
    CHECK(all_of_columns(result, 0, 192, [&](std::uint16_t bits) { return bits != task.launch.fill; }));
  }
}
