// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/lane_model/known_layer.h"
#include "fixtures/half.h"
#include "fixtures/layer/codes.h"
#include "kernel/lane_model/pipeline.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace {

using namespace w4;
using namespace w4::tests;
using kernel::BlockTile;
using kernel::Launch;
using kernel::RunResult;
using kernel::Task;
using kernel::lane_model::run_lane_model;

bool same(const RunResult& a, const RunResult& b) {
  return a.C == b.C && a.workspace == b.workspace && a.return_code == b.return_code &&
         a.launch_error == b.launch_error && a.timed_out == b.timed_out && a.block_tiles_done == b.block_tiles_done;
}

/// Whether the fault changes anything of what a caller can see.
bool shows(const KnownSpec& spec, const Launch& launch, const char* stage, const char* variant) {
  const Task task = task_of(known_layer(spec), launch);
  return !same(run_lane_model(task), run_lane_model(task, {{stage, variant}}));
}

/// The same task with activations of its own: rows of (k, value) pairs, everything else 0.
Task with_ones_at(Task task, const std::vector<int>& ks) {
  std::vector<std::uint16_t> a(ks.size() * static_cast<std::size_t>(task.packed.stored_K));
  for (std::size_t m = 0; m < ks.size(); ++m)
    a[m * static_cast<std::size_t>(task.packed.stored_K) + static_cast<std::size_t>(ks[m])] =
        bits_of(1.0f, task.packed.dtype);
  task.A = Grid<std::uint16_t>(static_cast<int>(ks.size()), task.packed.stored_K, a);
  return task;
}

/// A weight as the kernel rounds it.
std::uint16_t weight_bits(const Known& known, int code, int group, int n) {
  const std::size_t g = static_cast<std::size_t>(group) * known.spec.N + n;
  const auto scale = value_of(known.scales[g], known.spec.dtype);
  return bits_of(static_cast<float>(code - known.zeros[g]) * scale, known.spec.dtype);
}

int code_of(const Known& known, int k, int n) { return known.codes[static_cast<std::size_t>(k) * known.spec.N + n]; }

bool untouched(const RunResult& result, const Task& task) {
  return std::all_of(result.C.cells().begin(), result.C.cells().end(),
                     [&](std::uint16_t bits) { return bits == task.launch.fill; });
}

long long count_differing(const RunResult& a, const RunResult& b) {
  long long differing = 0;
  for (std::size_t i = 0; i < a.C.size(); ++i) differing += a.C[i] != b.C[i];
  return differing;
}

}  // namespace

TEST_CASE("launch: an entry point without an instantiation returns 2 and launches nothing") {
  Task task = task_of(known_layer({}));
  task.launch.workspace = {7, 7};
  const RunResult result = run_lane_model(task, {{"launch", "instantiation-missing-rc-ignored"}});
  CHECK(result.return_code == 2);
  CHECK(untouched(result, task));
  CHECK(result.block_tiles_done == 0);
  CHECK(result.workspace == task.launch.workspace);
}

TEST_CASE("launch: an invalid grid is a launch error and nothing runs") {
  const Task task = task_of(known_layer({}));
  const RunResult result = run_lane_model(task, {{"launch", "grid-or-sms-invalid"}});
  CHECK(result.launch_error == "cudaErrorInvalidConfiguration");
  CHECK(untouched(result, task));
  CHECK(result.block_tiles_done == 0);
}

TEST_CASE("launch: a miscompiled cache hint shows at the synchronise and in one instantiation only") {
  const auto illegal = [](const KnownSpec& spec, const Launch& launch) {
    const RunResult result = run_lane_model(task_of(known_layer(spec), launch), {{"launch", "l2-hint-illegal"}});
    CHECK(result.return_code == 0);
    CHECK(result.launch_error.empty());
    return result.synchronise_error == "cudaErrorIllegalInstruction" && result.block_tiles_done == 0;
  };
  const Launch wide{.block_tile = {.thread_k = 64, .thread_n = 256}};
  CHECK(illegal({.M = 16, .K = 256, .N = 256, .group_size = 128}, {}));
  CHECK_FALSE(illegal({.M = 17, .K = 256, .N = 256, .group_size = 128}, {}));
  CHECK_FALSE(illegal({.M = 16, .K = 256, .N = 256, .group_size = 256}, {}));
  CHECK_FALSE(illegal({.M = 16, .K = 256, .N = 256, .group_size = 128}, wide));
}

TEST_CASE("launch: a shape check that never fires leaves the entry point to refuse with 1") {
  for (const int N : {64, 192, 256, 384, 512}) {
    const Task task = task_of(known_layer({.N = N}));
    const RunResult result = run_lane_model(task, {{"launch", "wrapper-shape-check-dead"}});
    CHECK(result.return_code == (N % 256 == 0 ? 0 : 1));
    CHECK(untouched(result, task) == (N % 256 != 0));
  }
}

TEST_CASE("launch: an output written to a temporary leaves C untouched though all work was done") {
  for (const int bits : {16, 32}) {
    const Task task = task_of(known_layer({}), {.reduce_bits = bits});
    const RunResult result = run_lane_model(task, {{"launch", "output-to-temporary"}});
    CHECK(result.ran());
    CHECK(untouched(result, task));
    CHECK(result.block_tiles_done == run_lane_model(task).block_tiles_done);
  }
}

TEST_CASE("pipeline: stale scales spare the first group of each block_tile and the first block_tile of a stripe") {
  const Known known = known_layer({.K = 256, .N = 256, .group_size = 32, .symmetric = false});
  const Task task = task_of(known, {.block_tile = kNarrow, .thread_blocks = 1});
  std::vector<int> ks;
  for (int k = 0; k < 256; k += 16) ks.push_back(k);
  const RunResult result = run_lane_model(with_ones_at(task, ks), {{"pipeline", "small-group-tile-stale"}});
  long long wrong = 0;
  for (std::size_t m = 0; m < ks.size(); ++m)
    for (int n = 0; n < 256; ++n) {
      const int k = ks[m], row = k % 128 / 32;
      const bool stale = row > 0;  // from block_tile 0 of column 0
      const std::uint16_t want = stale ? weight_bits(known, code_of(known, k, n), row, n % 128)
                                       : weight_bits(known, code_of(known, k, n), k / 32, n);
      wrong += value_of(result.C(static_cast<int>(m), n), DType::fp16) != value_of(want, DType::fp16);
    }
  CHECK(wrong == 0);
}

TEST_CASE("pipeline: stale scales show where a group is shorter than a block_tile and a stripe has several") {
  constexpr auto kFault = "small-group-tile-stale";
  for (const int g : {32, 64}) CHECK(shows({.group_size = g}, {.block_tile = kNarrow}, "pipeline", kFault) == false);
  for (const int g : {32, 64})
    CHECK(shows({.group_size = g}, {.block_tile = kNarrow, .thread_blocks = 2}, "pipeline", kFault));
  CHECK(shows({.group_size = 32}, {.block_tile = kWide, .thread_blocks = 2}, "pipeline", kFault));
  for (const int g : {-1, 64, 128})
    CHECK_FALSE(shows({.group_size = g}, {.block_tile = kWide, .thread_blocks = 2}, "pipeline", kFault));
  for (const int g : {-1, 128})
    CHECK_FALSE(shows({.group_size = g}, {.block_tile = kNarrow, .thread_blocks = 2}, "pipeline", kFault));
  CHECK_FALSE(shows({.K = 64, .group_size = -1}, {.block_tile = kNarrow, .thread_blocks = 1}, "pipeline", kFault));
}

TEST_CASE("pipeline: a scale extent of group_size drops rows from group_size squared on") {
  const Known known = known_layer({.K = 1152, .N = 64, .group_size = 32});
  const Task task = with_ones_at(task_of(known), {1023, 1024, 1151});
  const RunResult right = run_lane_model(task), result = run_lane_model(task, {{"pipeline", "scale-extent-large-k"}});
  for (int n = 0; n < 64; ++n) {
    CHECK(result.C(0, n) == right.C(0, n));
    CHECK(value_of(result.C(1, n), DType::fp16) == 0.0f);
    CHECK(value_of(result.C(2, n), DType::fp16) == 0.0f);
  }
  CHECK_FALSE(shows({.K = 1024, .N = 64, .group_size = 32}, {}, "pipeline", "scale-extent-large-k"));
  CHECK_FALSE(shows({.K = 1152, .N = 64, .group_size = -1}, {}, "pipeline", "scale-extent-large-k"));
}

TEST_CASE("pipeline: without the pointer taken back the second 64 rows read B 16 rows of K too far") {
  const Known known = known_layer({.K = 256, .N = 192, .group_size = 128});
  std::vector<int> ks(64, 3);
  ks.insert(ks.end(), {0, 100, 255});
  const Task task = with_ones_at(task_of(known, {.block_tile = kNarrow, .thread_blocks = 1}), ks);
  const RunResult right = run_lane_model(task), result = run_lane_model(task, {{"pipeline", "tile-pointer-wrap"}});
  long long wrong = 0;
  for (int n = 0; n < 192; ++n) {
    for (int m = 0; m < 64; ++m) wrong += result.C(m, n) != right.C(m, n);
    const auto differs = [&](int m, int code, int group) {
      return value_of(result.C(m, n), DType::fp16) != value_of(weight_bits(known, code, group, n), DType::fp16);
    };
    wrong += differs(64, code_of(known, 16, n), 0);
    wrong += differs(65, code_of(known, 116, n), 0);
    const int e = 7 - 4 * (n % 16 < 8);  // k % 16 = 15 is the last of its half
    wrong += differs(66, code_at(kernel::lane_model::kGuardWord, e / 2 % 4 + 4 * (e % 2)), 1);
  }
  CHECK(wrong == 0);
}

TEST_CASE("pipeline: the forgotten pointer shows where a stripe reaches into the next 64 rows") {
  constexpr auto kFault = "tile-pointer-wrap";
  for (const BlockTile tile : {kNarrow, kWide}) {
    CHECK(shows({.M = 65}, {.block_tile = tile, .thread_blocks = 1}, "pipeline", kFault));
    CHECK(shows({.M = 130}, {.block_tile = tile, .thread_blocks = 2}, "pipeline", kFault));
    CHECK_FALSE(shows({.M = 64}, {.block_tile = tile, .thread_blocks = 1}, "pipeline", kFault));
    CHECK_FALSE(shows({.M = 128}, {.block_tile = tile, .thread_blocks = 2}, "pipeline", kFault));
  }
}

TEST_CASE("pipeline: columns counted in 128s leave the last 64 unwritten") {
  for (const BlockTile tile : {kNarrow, kWide})
    for (const int N : {64, 192, 320}) {
      const Known known = known_layer({.M = 3, .N = N});
      const Task task = task_of(known, {.block_tile = tile, .thread_blocks = 3});
      const RunResult right = run_lane_model(task), result = run_lane_model(task, {{"pipeline", "tile-loop-bound"}});
      long long wrong = 0;
      for (int m = 0; m < 3; ++m)
        for (int n = 0; n < N; ++n) {
          const float difference = value_of(result.C(m, n), DType::fp16) - value_of(right.C(m, n), DType::fp16);
          wrong += n < N / 128 * 128 ? !(std::abs(difference) < 0.05f) : result.C(m, n) != task.launch.fill;
        }
      CHECK(wrong == 0);
    }
  for (const int N : {128, 256}) CHECK_FALSE(shows({.M = 3, .N = N}, {}, "pipeline", "tile-loop-bound"));
}

TEST_CASE("dequant: a zero point subtracted on top of 8 is off by 8 scales from 8 rows on") {
  constexpr auto kFault = "zp-double-bias8";
  const Known known = known_layer({.M = 8, .symmetric = false});
  const Task task = with_ones_at(task_of(known), {0, 1, 2, 3, 4, 5, 6, 7});
  const RunResult result = run_lane_model(task, {{"dequant", kFault}});
  for (int n = 0; n < 192; ++n)
    CHECK(value_of(result.C(3, n), DType::fp16) ==
          value_of(weight_bits(known, code_of(known, 3, n) - 8, 0, n), DType::fp16));
  for (const int g : {-1, 128}) {
    CHECK(shows({.M = 8, .group_size = g, .symmetric = false}, {}, "dequant", kFault));
    CHECK_FALSE(shows({.M = 7, .group_size = g, .symmetric = false}, {}, "dequant", kFault));
    CHECK_FALSE(shows({.M = 8, .group_size = g}, {}, "dequant", kFault));
  }
}

TEST_CASE("dequant: a zero point with the wrong sign is added and one of 7.5 is half a scale off") {
  for (const DType type : {DType::fp16, DType::bf16}) {
    const Known asymmetric = known_layer({.M = 2, .symmetric = false, .dtype = type}),
                symmetric = known_layer({.M = 2, .dtype = type});
    const Task added = with_ones_at(task_of(asymmetric), {0, 1}), halved = with_ones_at(task_of(symmetric), {0, 1});
    const auto sign = run_lane_model(added, {{"dequant", "zp-float-sign"}}).C;
    const auto half = run_lane_model(halved, {{"dequant", "zp-noninteger"}}).C;
    for (int n = 0; n < 192; ++n) {
      const int code = code_of(asymmetric, 1, n), zero = asymmetric.zeros[static_cast<std::size_t>(n)];
      CHECK(value_of(sign(1, n), type) == value_of(weight_bits(asymmetric, code + 2 * zero, 0, n), type));
      const float scale = value_of(symmetric.scales[static_cast<std::size_t>(n)], type);
      const float wanted = (static_cast<float>(code_of(symmetric, 1, n)) - 7.5f) * scale;
      CHECK(value_of(half(1, n), type) == value_of(bits_of(wanted, type), type));
    }
  }
  CHECK_FALSE(shows({}, {}, "dequant", "zp-float-sign"));
  CHECK_FALSE(shows({.symmetric = false}, {}, "dequant", "zp-noninteger"));
  for (const int g : {-1, 128}) CHECK(shows({.group_size = g}, {}, "dequant", "zp-noninteger"));
}

TEST_CASE("multiply: fp16 accumulators overflow where fp32 ones do not") {
  constexpr auto kFault = "fp16-accumulate-overflow";
  const Known known = known_layer({.K = 256, .N = 64, .group_size = 128});
  Task task = task_of(known, {.thread_blocks = 1});
  // Large activations that cancel: the first 128 rows of K one way, the others the other, with the same weights.
  task = with_ones_at(task, {0});
  std::vector<std::uint16_t> a(256);
  for (int k = 0; k < 256; ++k) a[static_cast<std::size_t>(k)] = bits_of(k < 128 ? 60000.0f : -60000.0f, DType::fp16);
  task.A = Grid<std::uint16_t>(1, 256, a);
  task.packed.words = Grid<std::uint32_t>(16, 128, std::vector<std::uint32_t>(16 * 128, 0xCCCCCCCCu));
  task.packed.scales = Grid<std::uint16_t>(2, 64, std::vector<std::uint16_t>(128, bits_of(1.0f, DType::fp16)));
  const RunResult right = run_lane_model(task), result = run_lane_model(task, {{"multiply", kFault}});
  for (int n = 0; n < 64; ++n) {
    CHECK(value_of(right.C(0, n), DType::fp16) == 0.0f);
    CHECK_FALSE(std::isfinite(value_of(result.C(0, n), DType::fp16)));
  }
  CHECK(shows({.M = 3}, {}, "multiply", kFault));
  CHECK_FALSE(shows({.M = 3, .dtype = DType::bf16}, {}, "multiply", kFault));
  CHECK_FALSE(shows({.M = 3, .exact = true}, {}, "multiply", kFault));
}

TEST_CASE("epilogue: with activations of 0 a bias fault shows the bias it used") {
  for (const int g : {-1, 128}) {
    const Known known = known_layer({.M = 2, .N = 104, .group_size = g, .bias = true});
    Task task = with_ones_at(task_of(known), {0, 1});
    task.A = Grid<std::uint16_t>(2, 256, std::vector<std::uint16_t>(512));
    const auto C = [&](const char* variant) { return run_lane_model(task, {{"epilogue", variant}}).C; };
    const auto right = C("reference"), twice = C("bias-double"), none = C("bias-missing"), one = C("bias-one"),
               moved = C("bias-permuted-raw-add"), as_scales = C("bias-perm-missing");
    for (int n = 0; n < 104; ++n) {
      const float bias = static_cast<float>(known.bias_at(n));
      const int from = n / 64 * 64 + n % 64 / 8 + 8 * (n % 8);
      CHECK(value_of(right(1, n), DType::fp16) == bias);
      CHECK(value_of(twice(1, n), DType::fp16) == 2.0f * bias);
      CHECK(value_of(none(1, n), DType::fp16) == 0.0f);
      CHECK(value_of(one(1, n), DType::fp16) == 1.0f);
      const int single = n / 32 * 32 + 8 * (n % 8 / 2) + 2 * (n % 32 / 8) + n % 2;
      CHECK(value_of(moved(1, n), DType::fp16) == (from < 104 ? static_cast<float>(known.bias_at(from)) : 0.0f));
      CHECK(value_of(as_scales(1, n), DType::fp16) ==
            (single < 104 ? static_cast<float>(known.bias_at(single)) : 0.0f));
    }
  }
  for (const char* fault : {"bias-double", "bias-missing", "bias-one", "bias-permuted-raw-add", "bias-perm-missing"}) {
    CHECK(shows({.bias = true}, {}, "epilogue", fault));
    CHECK_FALSE(shows({.bias = false}, {}, "epilogue", fault));
  }
}

TEST_CASE("epilogue: the sum of one group is rounded once after it is scaled and the cast before is a fault") {
  Task task = task_of(known_layer({.K = 64, .N = 64, .group_size = -1}));
  std::vector<std::uint16_t> a(64);
  a[0] = bits_of(2048.0f, DType::fp16);
  a[1] = bits_of(1.0f, DType::fp16);
  task.A = Grid<std::uint16_t>(1, 64, a);
  task.packed.words = Grid<std::uint32_t>(4, 128, std::vector<std::uint32_t>(512, 0x99999999u));  // every weight 1
  task.packed.scales = Grid<std::uint16_t>(1, 64, std::vector<std::uint16_t>(64, bits_of(1.5f, DType::fp16)));
  const RunResult right = run_lane_model(task);
  const RunResult cast = run_lane_model(task, {{"epilogue", "epilogue-cast-order"}});  // 2049 is no fp16
  for (int n = 0; n < 64; ++n) {
    CHECK(value_of(right.C(0, n), DType::fp16) == 3074.0f);
    CHECK(value_of(cast.C(0, n), DType::fp16) == 3072.0f);
  }
}

TEST_CASE("epilogue: the variant with a bias that is given no scales stores the plain sum") {
  const Known known = known_layer({.M = 1, .N = 64, .group_size = -1, .bias = true});
  const Task task = with_ones_at(task_of(known), {9});
  const auto C = run_lane_model(task, {{"epilogue", "scale-not-passed-variant"}}).C;
  for (int n = 0; n < 64; ++n) {
    const float wanted = static_cast<float>(code_of(known, 9, n) - 8) + static_cast<float>(known.bias_at(n));
    CHECK(value_of(C(0, n), DType::fp16) == value_of(bits_of(wanted, DType::fp16), DType::fp16));
  }
  CHECK_FALSE(shows({.group_size = -1}, {}, "epilogue", "scale-not-passed-variant"));
  CHECK_FALSE(shows({.bias = true}, {}, "epilogue", "scale-not-passed-variant"));
}

TEST_CASE("lane model: the number of the launch changes nothing but a race") {
  for (const auto& stage : kernel::lane_model::stages())
    for (const auto& variant : stage.variants) {
      const repack::Recipe recipe{{name_of(stage.id), std::string(variant.id)}};
      const bool of_scales = variant.id == "scale-ring-refill";  // needs groups that are longer than a block_tile
      const KnownSpec spec{
          .M = 70, .K = of_scales ? 512 : 256, .N = 192, .group_size = of_scales ? 128 : 32, .bias = true};
      Task task =
          task_of(known_layer(spec), {.block_tile = of_scales ? kWide : kNarrow, .thread_blocks = 2 - of_scales});
      const RunResult first = run_lane_model(task, recipe), again = run_lane_model(task, recipe);
      task.launch.number = 1;
      INFO(name_of(stage.id), " ", std::string(variant.id));
      CHECK(same(first, again));
      CHECK(same(first, run_lane_model(task, recipe)) == !variant.repeats_differ);
    }
}

TEST_CASE("reduce: a race hits other outputs each launch and few of them") {
  for (const BlockTile tile : {kNarrow, kWide}) {
    Task task = task_of(known_layer({.M = 130, .K = 256, .N = 576, .group_size = 64}),
                        {.block_tile = tile, .thread_blocks = 2});
    const RunResult right = run_lane_model(task);
    std::vector<Grid<std::uint16_t>> seen;
    for (std::uint64_t number = 0; number < 20; ++number) {
      task.launch.number = number;
      const RunResult result = run_lane_model(task, {{"reduce", "writeout-race"}});
      const long long hit = count_differing(right, result);
      CHECK(hit >= 1);
      CHECK(hit <= static_cast<long long>(0.004 * 130 * 576));
      for (int m = 128; m < 130; ++m) CHECK(std::ranges::equal(result.C.row(m), right.C.row(m)));
      CHECK(std::find(seen.begin(), seen.end(), result.C) == seen.end());
      seen.push_back(result.C);
    }
  }
}

TEST_CASE("reduce: a race needs 64 rows and a thread block that goes on after a whole column") {
  constexpr auto kFault = "writeout-race";
  CHECK(shows({.M = 64, .N = 256}, {.thread_blocks = 1}, "reduce", kFault));
  CHECK_FALSE(shows({.M = 63, .N = 256}, {.thread_blocks = 1}, "reduce", kFault));
  CHECK(shows({.M = 64, .N = 256, .group_size = -1}, {.thread_blocks = 1}, "reduce", kFault));  // not of scales
  CHECK_FALSE(shows({.M = 64, .N = 256}, {.thread_blocks = 2}, "reduce", kFault));              // a whole column each
  CHECK_FALSE(shows({.M = 64, .N = 256}, {.thread_blocks = 10}, "reduce", kFault));             // parts of columns
}

namespace {

/// The same scales and zero points in every group.
Task with_equal_groups(Task task) {
  repack::Packed& packed = task.packed;
  packed.scales = Grid<std::uint16_t>::from(packed.scales.rows(), packed.scales.cols(),
                                            [&](int, int place) { return packed.scales(0, place); });
  return task;
}

constexpr auto kRefill = "scale-ring-refill";

}  // namespace

TEST_CASE("pipeline: a refill of the ring of scales hits other reads each launch with the scales of two groups on") {
  constexpr int kK = 1024, kN = 256, kM = 64;
  const Known known = known_layer({.M = kM, .K = kK, .N = kN, .exact = true});
  Task task = task_of(known, {.block_tile = kWide, .thread_blocks = 1});
  std::vector<int> last_rows;  // of the 16 rows of every subtile that can be read late
  for (int group = 0; group < kK / 128; ++group)
    for (const int subtile : {6, 7}) last_rows.push_back(128 * group + 16 * subtile + 15);
  for (int m = 16; m < kM; ++m) last_rows.push_back(m);  // read in time
  task = with_ones_at(task, last_rows);
  const RunResult right = run_lane_model(task);
  std::vector<Grid<std::uint16_t>> seen;
  for (std::uint64_t number = 0; number < 20; ++number) {
    task.launch.number = number;
    const RunResult result = run_lane_model(task, {{"pipeline", kRefill}});
    CHECK(result.C != right.C);
    if (!seen.empty()) CHECK(result.C != seen.back());
    seen.push_back(result.C);
    for (int m = 0; m < kM; ++m)
      for (int n = 0; n < kN; ++n) {
        if (result.C(m, n) == right.C(m, n)) continue;
        const int k = last_rows[static_cast<std::size_t>(m)];
        CHECK(k % 128 / 16 >= 6);
        CHECK(k / 128 + 2 < kK / 128);  // at the end of a slice nothing is refilled
        CHECK(result.C(m, n) == weight_bits(known, code_of(known, k, n), k / 128 + 2, n));
      }
  }
}

TEST_CASE("pipeline: a refill needs a group of two block_tiles and 64 rows and a long slice and scales that differ") {
  const KnownSpec spec{.M = 64, .K = 384, .N = 256};
  CHECK(shows(spec, {.block_tile = kWide, .thread_blocks = 1}, "pipeline", kRefill));
  CHECK_FALSE(shows(spec, {.block_tile = kNarrow, .thread_blocks = 1}, "pipeline", kRefill));
  CHECK_FALSE(shows(spec, {.block_tile = kWide, .thread_blocks = 3}, "pipeline", kRefill));  // slices of one group
  for (const KnownSpec& other : {KnownSpec{.M = 63, .K = 384, .N = 256}, KnownSpec{.M = 64, .K = 256, .N = 256},
                                 KnownSpec{.M = 64, .K = 384, .N = 256, .group_size = -1},
                                 KnownSpec{.M = 64, .K = 384, .N = 256, .group_size = 64}})
    CHECK_FALSE(shows(other, {.block_tile = kWide, .thread_blocks = 1}, "pipeline", kRefill));
  const Task equal = with_equal_groups(task_of(known_layer(spec), {.block_tile = kWide, .thread_blocks = 1}));
  CHECK(same(run_lane_model(equal), run_lane_model(equal, {{"pipeline", kRefill}})));
}

TEST_CASE("pipeline: one slice a thread block ends the race of the write-out and not that of the refill") {
  const KnownSpec spec{.M = 64, .K = 512, .N = 512};
  CHECK(shows(spec, {.block_tile = kWide, .thread_blocks = 1}, "reduce", "writeout-race"));
  CHECK_FALSE(shows(spec, {.block_tile = kWide, .thread_blocks = 2}, "reduce", "writeout-race"));
  CHECK(shows(spec, {.block_tile = kWide, .thread_blocks = 2}, "pipeline", kRefill));
}
