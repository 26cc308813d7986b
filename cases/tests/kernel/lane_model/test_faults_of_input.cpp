// SPDX-License-Identifier: Apache-2.0
// Faults of the pipeline that concern A: its rows, its padding, and the order of its columns.

#include "cases/tests/kernel/lane_model/known_layer.h"
#include "fixtures/half.h"
#include "kernel/lane_model/lane_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace {

using namespace w4;
using namespace w4::tests;
using kernel::RunResult;
using kernel::Task;
using kernel::lane_model::run_lane_model;

RunResult done(const Task& task, const char* variant) { return run_lane_model(task, {{"pipeline", variant}}); }

bool same_output(const Task& task, const char* variant) {
  const RunResult right = run_lane_model(task), result = done(task, variant);
  return result.C == right.C && result.synchronise_error.empty() && result.guards_intact;
}

Task with_A(Task task, const Grid<std::uint16_t>& A) {
  task.A = A;
  return task;
}

}  // namespace

TEST_CASE("pipeline: a broken configuration for more than 256 rows takes the first 256 again") {
  const Task task = task_of(known_layer({.M = 300, .K = 128, .N = 64, .group_size = -1}));
  const RunResult right = run_lane_model(task), result = done(task, "thread-config-broken");
  for (int m = 0; m < 300; ++m) CHECK(std::ranges::equal(result.C.row(m), right.C.row(m % 256)));
  CHECK(same_output(task_of(known_layer({.M = 256, .K = 128, .N = 64})), "thread-config-broken"));
}

TEST_CASE("pipeline: an ignored row stride shifts each row by eight columns more") {
  constexpr int kM = 3, kK = 64;
  const Task task = task_of(known_layer({.M = kM, .K = kK, .N = 64, .group_size = -1}));
  std::vector<std::uint16_t> wide;  // A in memory: eight further columns, zeros, behind each row
  for (int m = 0; m < kM; ++m) {
    for (int k = 0; k < kK; ++k) wide.push_back(task.A(m, k));
    wide.insert(wide.end(), 8, 0);
  }
  wide.resize(kM * kK);
  const Task read = with_A(task, Grid<std::uint16_t>(kM, kK, wide));
  CHECK(done(task, "a-stride-alignment").C == run_lane_model(read).C);
  CHECK(same_output(task_of(known_layer({.M = 1})), "a-stride-alignment"));
}

TEST_CASE("pipeline: NaN behind A's columns reaches every output although its weights are 0") {
  for (const DType type : {DType::fp16, DType::bf16}) {
    const RunResult result =
        done(task_of(known_layer({.K = 96, .N = 64, .group_size = 32, .dtype = type})), "pad-nan-propagation");
    for (const std::uint16_t bits : result.C.cells()) CHECK(std::isnan(value_of(bits, type)));
  }
  CHECK(same_output(task_of(known_layer({})), "pad-nan-propagation"));
}

TEST_CASE("pipeline: a look-up behind the row order ends the launch and needs a row order") {
  const Task task = task_of(known_layer({.act_order = true}));
  const RunResult result = done(task, "actorder-last-slice-oob");
  CHECK(result.synchronise_error == "cudaErrorIllegalAddress");
  CHECK(result.return_code == 0);
  for (const std::uint16_t bits : result.C.cells()) CHECK(bits == task.launch.fill);
  CHECK(same_output(task_of(known_layer({})), "actorder-last-slice-oob"));
}

TEST_CASE("pipeline: a buffer for one ordered row is overrun by two and the output is right all the same") {
  const Task task = task_of(known_layer({.M = 2, .act_order = true}));
  const RunResult result = done(task, "temp-buffer-overrun");
  CHECK_FALSE(result.guards_intact);
  CHECK(result.C == run_lane_model(task).C);
  CHECK(same_output(task_of(known_layer({.M = 1, .act_order = true})), "temp-buffer-overrun"));
  CHECK(same_output(task_of(known_layer({.M = 2})), "temp-buffer-overrun"));
}
