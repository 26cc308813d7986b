// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/launch.h"

#include "fixtures/error.h"
#include "kernel/lane_model/plan.h"

#include <algorithm>

namespace w4::kernel::lane_model {

namespace {

constexpr BlockTile kBlockTiles[] = {{.thread_k = 128, .thread_n = 128}, {.thread_k = 64, .thread_n = 256}};
constexpr BlockTile kHintTile = kBlockTiles[0];  // of the one instantiation that l2-hint-illegal breaks
constexpr int kGroupSizes[] = {32, 64, 128};
constexpr int kNoInstantiation = 2;  // code of the published entry point: no such instantiation
constexpr int kNoShape = 1;          // code of the published entry point: shape not supported
constexpr int kCheckedN = 256;       // wrappers require N to be a multiple of this

constexpr Variant kLaunchVariants[] = {
    {.id = "reference", .fault = "", .what = "every result is checked", .cure = "", .visible = ""},
    {.id = "instantiation-missing-rc-ignored",
     .fault = "instantiation-missing-rc-ignored",
     .what = "there is no kernel for this block_tile and group_size: the entry point returns 2 and launches nothing",
     .cure = "check the return code of the entry point; choose a block_tile and group_size it was built for",
     .visible = "always"},
    {.id = "grid-or-sms-invalid",
     .fault = "grid-or-sms-invalid",
     .what = "the grid is invalid (sms = -1 reached it): the launch fails, C keeps its old content",
     .cure = "ask the device for its number of multiprocessors, and check cudaGetLastError() after the launch",
     .visible = "always"},
    {.id = "output-to-temporary",
     .fault = "output-to-temporary",
     .what = "the kernel writes a converted copy of the output, which the caller throws away",
     .cure = "hand the kernel the output itself, or copy the temporary back",
     .visible = "always"},
    {.id = "l2-hint-illegal",
     .fault = "l2-hint-illegal",
     .what = "the L2 cache hint of the weight loads is miscompiled in one instantiation: the launch succeeds, the next "
             "synchronise reports an illegal instruction, C keeps its old content",
     .cure = "leave out createpolicy and the L2 cache hint of the weight loads, and check the synchronise",
     .visible = "grouped, block_tile 128x128 and M of 16 or less: the one instantiation that has it"},
    {.id = "wrapper-shape-check-dead",
     .fault = "wrapper-shape-check-dead",
     .what = "the wrapper's check of N can never fire (outfeatures != 256 == 0), and the code 1 with "
             "which the entry point then refuses the shape is ignored: nothing is launched",
     .cure = "check outfeatures % 256 != 0 before the call, pad N, and check the return code",
     .visible = "N, padded, is no multiple of 256"},
};

template <class Range, class Value>
bool holds(const Range& range, const Value& value) {
  return std::find(std::begin(range), std::end(range), value) != std::end(range);
}

void check_launch(const Launch& launch) {
  const auto [thread_k, thread_n] = launch.block_tile;
  if (!holds(kBlockTiles, launch.block_tile))
    throw CannotTest("block_tile {}x{}: the kernel has 128x128 and 64x256", thread_k, thread_n);
  if (launch.thread_blocks < 1) throw CannotTest("thread_blocks={}: at least 1 is needed", launch.thread_blocks);
  if (launch.reduce_bits != 16 && launch.reduce_bits != 32)
    throw CannotTest("reduce_bits={}: partial sums are handed over in 16 or 32 bits", launch.reduce_bits);
}

void check_shape(const repack::Packed& packed) {
  if (packed.dtype != DType::fp16 && packed.dtype != DType::bf16)
    throw CannotTest("dtype {}: the kernel takes float16 and bfloat16", name_of(packed.dtype));
  if (packed.K < 1 || packed.N < 1 || packed.K % repack::kPadK != 0 || packed.N % repack::kPadN != 0)
    throw CannotTest("K={} N={}: the kernel takes multiples of {} and {}", packed.K, packed.N, repack::kPadK,
                     repack::kPadN);
  if (packed.stored_K < 1 || packed.stored_K > packed.K || packed.stored_N < 1 || packed.stored_N > packed.N)
    throw CannotTest("stored K={} N={} does not lie inside packed K={} N={}", packed.stored_K, packed.stored_N,
                     packed.K, packed.N);
  if (packed.group_size < 1 || (!packed.one_group() && !holds(kGroupSizes, packed.group_size)))
    throw CannotTest("group_size={} with K={}: the kernel takes 32, 64, 128 and K", packed.group_size, packed.stored_K);
  if (!packed.one_group() && packed.K % packed.group_size != 0)
    throw CannotTest("K={} is not a multiple of group_size={}", packed.K, packed.group_size);
}

/// `optional`: the tensor may be empty.
template <class T>
void check_tensor(const char* name, const Grid<T>& grid, int rows, int cols, bool optional) {
  if (optional && grid.empty()) return;
  if (grid.rows() != rows || grid.cols() != cols)
    throw CannotTest("{} is ({}, {}), the kernel reads ({}, {})", name, grid.rows(), grid.cols(), rows, cols);
}

void check_tensors(const Task& task) {
  const repack::Packed& packed = task.packed;
  if (task.A.rows() < 1 || task.A.cols() != packed.stored_K)
    throw CannotTest("A is ({}, {}), the kernel reads (M, {}) with M at least 1", task.A.rows(), task.A.cols(),
                     packed.stored_K);
  check_tensor("words", packed.words, packed.K / repack::kTileK, 2 * packed.N, false);
  check_tensor("scales", packed.scales, packed.groups(), packed.N, false);
  check_tensor("zeros", packed.zeros, packed.groups(), packed.N / kCodesPerWord, true);
  check_tensor("perm", packed.perm, 1, packed.stored_K, true);
  check_tensor("bias", packed.bias, 1, packed.stored_N, true);
  for (const std::int32_t column : packed.perm.cells())
    if (column < 0 || column >= packed.stored_K)
      throw CannotTest("perm holds {}, A has columns 0..{}", column, packed.stored_K - 1);
}

}  // namespace

std::span<const Variant> launch_variants() { return kLaunchVariants; }

bool runs(LaunchWay way, const Task& task) {
  if (way == LaunchWay::instantiation_missing || way == LaunchWay::grid_invalid) return false;
  if (way == LaunchWay::shape_check_dead) return task.packed.N % kCheckedN == 0;
  const bool has_hint = !task.packed.one_group() && task.launch.block_tile == kHintTile && task.A.rows() <= kBlockRows;
  return !(way == LaunchWay::l2_hint_illegal && has_hint);
}

void refuse(LaunchWay way, RunResult& result) {
  if (way == LaunchWay::instantiation_missing) result.return_code = kNoInstantiation;
  if (way == LaunchWay::shape_check_dead) result.return_code = kNoShape;
  if (way == LaunchWay::grid_invalid) result.launch_error = "cudaErrorInvalidConfiguration";
  if (way == LaunchWay::l2_hint_illegal) result.synchronise_error = "cudaErrorIllegalInstruction";
}

int locks_needed(const Task& task) { return plan_of(task, task.packed.N).column_count(); }

void check_shapes(const Task& task) {
  check_shape(task.packed);
  check_tensors(task);
}

void check(const Task& task) {
  check_launch(task.launch);
  check_shapes(task);
  const auto given = task.launch.workspace.size();
  if (given != 0 && given < static_cast<std::size_t>(locks_needed(task)))
    throw CannotTest("the workspace has {} locks, {} are needed", given, locks_needed(task));
}

}  // namespace w4::kernel::lane_model
