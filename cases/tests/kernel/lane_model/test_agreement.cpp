// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/lane_model/known_layer.h"
#include "fixtures/half.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>

namespace {

using namespace w4;
using namespace w4::tests;
using kernel::BlockTile;
using kernel::Launch;

constexpr int kRows[] = {1, 2, 8, 15, 16, 17, 32, 33, 48, 63, 64, 65, 100, 128, 130};
constexpr int kThreadBlocks[] = {1, 2, 3, 7, 10, 132};
constexpr int kGroups[] = {-1, 32, 64, 128};

Launch launch_of(BlockTile tile, int thread_blocks, int reduce_bits) {
  return {.block_tile = tile, .thread_blocks = thread_blocks, .reduce_bits = reduce_bits};
}

/// Runs one case and checks it against the fp64 product; the worst z.
double check_case(const KnownSpec& spec, const Launch& launch) {
  const Known known = known_layer(spec);
  const kernel::Task task = task_of(known, launch);
  const kernel::RunResult result = kernel::lane_model::run_lane_model(task);
  const Distance d = distance(known, task, result.C);
  INFO(case_of(known, launch), " max_z ", d.max_z, " rms_z ", d.rms_z);
  CHECK(result.ran());
  CHECK(d.beyond == 0);
  CHECK(d.rms_z <= 1.25);
  CHECK(std::all_of(result.workspace.begin(), result.workspace.end(), [](std::int32_t lock) { return lock == 0; }));
  return d.max_z;
}

/// Every M with a block count, bias, act-order and hand-over that take turns.
double check_all_rows(DType dtype, int group_size, bool symmetric) {
  double worst = 0.0;
  unsigned turn = static_cast<unsigned>(group_size + 1) + (symmetric ? 0 : 5);
  for (const BlockTile tile : {kNarrow, kWide})
    for (const int M : kRows) {
      ++turn;
      const KnownSpec spec{.M = M,
                           .group_size = group_size,
                           .symmetric = symmetric,
                           .act_order = turn % 3 == 0,
                           .bias = turn % 2 == 0,
                           .dtype = dtype,
                           .seed = turn};
      for (const int bits : {16, 32})
        worst = std::max(worst, check_case(spec, launch_of(tile, kThreadBlocks[turn % 6], bits)));
    }
  return worst;
}

void check_all_groups(DType dtype, bool symmetric) {
  double worst = 0.0;
  for (const int group_size : kGroups) worst = std::max(worst, check_all_rows(dtype, group_size, symmetric));
  std::printf("worst z %.2f\n", worst);
}

}  // namespace

TEST_CASE("lane model: agrees with the fp64 product in fp16 with symmetric layers") {
  check_all_groups(DType::fp16, true);
}

TEST_CASE("lane model: agrees with the fp64 product in fp16 with asymmetric layers") {
  check_all_groups(DType::fp16, false);
}

TEST_CASE("lane model: agrees with the fp64 product in bf16 with symmetric layers") {
  check_all_groups(DType::bf16, true);
}

TEST_CASE("lane model: agrees with the fp64 product in bf16 with asymmetric layers") {
  check_all_groups(DType::bf16, false);
}

TEST_CASE("lane model: agrees with the fp64 product for any number of thread blocks") {
  for (const int group_size : {-1, 128})
    for (const BlockTile tile : {kNarrow, kWide})
      for (const int thread_blocks : kThreadBlocks)
        for (const int bits : {16, 32})
          check_case({.M = 66, .K = 1152, .N = 320, .group_size = group_size == -1 ? -1 : 128, .seed = 77},
                     launch_of(tile, thread_blocks, bits));
}

TEST_CASE("lane model: layers that are no multiple of 64 arrive padded and leave cropped") {
  for (const BlockTile tile : {kNarrow, kWide})
    for (const bool symmetric : {true, false}) {
      check_case({.M = 5, .K = 96, .N = 40, .group_size = 32, .symmetric = symmetric, .seed = 3},
                 launch_of(tile, 2, 32));
      check_case({.M = 17, .K = 200, .N = 72, .group_size = -1, .symmetric = symmetric, .bias = true, .seed = 4},
                 launch_of(tile, 3, 16));
      check_case({.M = 3, .K = 64, .N = 64, .group_size = 32, .symmetric = symmetric, .seed = 5},
                 launch_of(tile, 10, 32));
    }
}

namespace {

/// Every bit as the exact product says, whatever the tile, the thread blocks and the hand-over.
void check_exact(const KnownSpec& spec) {
  const Known known = known_layer(spec);
  const std::vector<double> want = exact_product(known);
  for (const BlockTile tile : {kNarrow, kWide})
    for (const int thread_blocks : kThreadBlocks)
      for (const int bits : {16, 32}) {
        const Launch launch = launch_of(tile, thread_blocks, bits);
        const kernel::RunResult result = kernel::lane_model::run_lane_model(task_of(known, launch));
        long long wrong = 0;
        for (std::size_t i = 0; i < want.size(); ++i)
          wrong += static_cast<double>(value_of(result.C[i], spec.dtype)) != want[i];
        INFO(case_of(known, launch));
        CHECK(wrong == 0);
      }
}

}  // namespace

TEST_CASE("lane model: small integers and power-of-two scales come out exact whatever the thread blocks") {
  for (const DType dtype : {DType::fp16, DType::bf16})
    for (const int group_size : kGroups)
      for (const bool symmetric : {true, false})
        for (const int M : {1, 20, 70})
          check_exact({.M = M,
                       .K = dtype == DType::fp16 ? 384 : 128,
                       .N = 192,
                       .group_size = dtype == DType::bf16 && group_size == 128 ? 64 : group_size,
                       .symmetric = symmetric,
                       .act_order = M == 20,
                       .bias = M == 70 && dtype == DType::fp16,
                       .exact = true,
                       .dtype = dtype,
                       .seed = 9});
}
