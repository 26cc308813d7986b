// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/pipeline.h"

#include "kernel/lane_model/rounding.h"

#include <algorithm>
#include <array>

namespace w4::kernel::lane_model {

namespace {

constexpr int kForgottenBelow = 128;             // tile_loop_bound: the unit in which columns are counted
constexpr int kSoundRows = 256;                  // config_broken: what its configuration is right for
constexpr int kSlicedOff = 8;                    // a_stride_ignored: columns of the wider tensor outside A; they hold 0
constexpr std::uint16_t kNanInPadding = 0x7FE5;  // padding_of_a_nan: NaN in fp16 and in bf16

constexpr Variant kPipelineVariants[] = {
    {.id = "reference",
     .fault = "",
     .what = "every block_tile is multiplied with its own words, scales and rows of A",
     .cure = "",
     .visible = ""},
    {.id = "small-group-tile-stale",
     .fault = "small-group-tile-stale",
     .what =
         "of the thread_k / group_size rows of scales a block_tile needs, all but the first stay those of the stripe's "
         "first block_tile",
     .cure = "stage every group's scales and zero points with each block_tile, not only the first row",
     .visible = "group_size is below thread_k and a stripe has more than one block_tile"},
    {.id = "scale-extent-large-k",
     .fault = "scale-extent-large-k",
     .what = "the copy of the scales is bounded by group_size rows where it should be by the number of groups: scales "
             "behind that read as 0",
     .cure = "give the copy the number of groups, K / group_size, as its extent",
     .visible = "there are more groups than a group has rows: K is above group_size * group_size"},
    {.id = "tile-pointer-wrap",
     .fault = "tile-pointer-wrap",
     .what = "a thread block that goes on to the next 64-row problem reads B one tile row (16 rows of K) too far",
     .cure = "take the pointer to B back by one tile row where the column index starts again from 0",
     .visible = "M is above 64 and a thread block's stripe reaches from one 64-row problem into the next"},
    {.id = "tile-loop-bound",
     .fault = "tile-loop-bound",
     .what = "columns are counted in whole 128s: the last 64 are never visited",
     .cure = "round the number of block_tile columns up and predicate the last one",
     .visible = "N is an odd multiple of 64"},
    {.id = "k-tail-dropped",
     .fault = "k-tail-dropped",
     .what = "the last block_tile of K is left out of the sum",
     .cure = "wait for the last stage of the pipeline and multiply it too: K / thread_k block_tiles, rounded up",
     .visible = "always"},
    {.id = "actorder-last-slice-oob",
     .fault = "actorder-last-slice-oob",
     .what = "behind its last slice a thread block looks up the group of a row that is not there: the read beyond the "
             "end of the row order is an illegal address",
     .cure = "look the next slice's first group up only when k is below K",
     .visible = "the layer has act-order and more than one group"},
    {.id = "thread-config-broken",
     .fault = "thread-config-broken",
     .what = "the configuration for more than 256 rows is broken: rows from 256 on are those from 0 again",
     .cure = "take rows in chunks of 256 or less, or leave that configuration out",
     .visible = "M is above 256"},
    {.id = "a-stride-alignment",
     .fault = "a-stride-alignment",
     .what = "A is a slice whose rows lie 8 columns further apart than K, and is read as if they lay K apart",
     .cure = "make A contiguous, or hand the kernel its row stride (a multiple of 8 columns: 16 bytes)",
     .visible = "M is 2 or more"},
    {.id = "temp-buffer-overrun",
     .fault = "temp-buffer-overrun",
     .what = "the buffer in which A's columns are put in order has room for one row: the others are written behind "
             "its end, into other buffers",
     .cure = "size the buffer by the rows of A: M * K",
     .visible = "the layer has act-order and more than one group, and M is 2 or more"},
    {.id = "pad-nan-propagation",
     .fault = "pad-nan-propagation",
     .what = "A is padded with what the memory held: a NaN times the padding's weight of 0 is a NaN",
     .cure = "zero the columns of A behind K, or do not load them",
     .visible = "K is no multiple of 64"},
    {.id = "scale-ring-refill",
     .fault = "scale-ring-refill",
     .what = "a group spans two pipeline stages, and the one that holds its scales is refilled with those of the group "
             "after the next while slower warps still read it",
     .cure =
         "put a barrier before the refill, when the last warp has read the group's scales; or keep scales in a ring "
         "of their own. A barrier after the write-out changes nothing",
     .visible =
         "group_size is above thread_k (128 with block_tile 64x256), M is 64 or more, and a thread block sums more "
         "than 4 block_tiles of a column",
     .repeats_differ = true},
};

constexpr std::array<std::uint32_t, repack::kTileWords> kGuardTile = [] {
  std::array<std::uint32_t, repack::kTileWords> words{};
  words.fill(kGuardWord);
  return words;
}();

StagedScales guard_scales() {
  StagedScales staged;
  std::fill(std::begin(staged.scales), std::end(staged.scales), repack::kGuardScale);
  std::fill(std::begin(staged.zeros), std::end(staged.zeros), kGuardWord);
  return staged;
}

}  // namespace

std::span<const Variant> pipeline_variants() { return kPipelineVariants; }

Pipeline::Pipeline(const Task& task, const Plan& plan, PipelineWay way) : task_(task), plan_(plan), way_(way) {
  if (way == PipelineWay::scale_ring_refill) late_reads_.emplace(task, plan);
}

bool reads_outside(PipelineWay way, const Task& task) {
  return way == PipelineWay::order_read_outside && !task.packed.perm.empty();
}

bool writes_outside(PipelineWay way, const Task& task) {
  return way == PipelineWay::order_buffer_overrun && !task.packed.perm.empty() && task.A.rows() > 1;
}

int visited_columns(int N, PipelineWay way) {
  return way == PipelineWay::tile_loop_bound ? N / kForgottenBelow * kForgottenBelow : N;
}

int Pipeline::subtiles(int k_tile) const {
  const int thread_k = plan_.block_tile.thread_k;
  return std::min(thread_k, plan_.K - thread_k * k_tile) / repack::kTileK;
}

int Pipeline::first_column(int column, int strip) const {
  return column % plan_.columns * plan_.block_tile.thread_n + strip * kStripN;
}

int Pipeline::strips(int column) const {
  return std::min(plan_.block_tile.thread_n, plan_.N - first_column(column, 0)) / kStripN;
}

const std::uint32_t* Pipeline::words(const PlannedSlice& slice, int k_tile, int subtile, int strip) const {
  const Grid<std::uint32_t>& words = task_.packed.words;  // (K/16, 2N)
  int row = k_tile * plan_.block_tile.thread_k / repack::kTileK + subtile;
  if (way_ == PipelineWay::tile_pointer_wrap)
    row += slice.column / plan_.columns - stripe_start(plan_, slice.thread_block).column / plan_.columns;
  if (row >= words.rows()) return kGuardTile.data();
  return &words(row, first_column(slice.column, strip) / kStripN * repack::kTileWords);
}

int Pipeline::group_in(int k_tile, int staging_row) const {
  return k_tile * plan_.block_tile.thread_k / task_.packed.group_size + staging_row;
}

ScaleSource Pipeline::scale_source(const PlannedSlice& slice, int k_tile, int subtile, int strip) const {
  const int column = first_column(slice.column, strip);
  const repack::Packed& packed = task_.packed;
  if (packed.one_group()) return {.group = 0, .column = column};
  const int staging_row =
      packed.group_size < plan_.block_tile.thread_k ? subtile * repack::kTileK / packed.group_size : 0;
  if (way_ == PipelineWay::small_group_tile_stale && staging_row > 0) {
    const TilePlace start = stripe_start(plan_, slice.thread_block);
    return {.group = group_in(start.k_tile, staging_row), .column = first_column(start.column, strip)};
  }
  const int group = group_in(k_tile, staging_row);
  if (!late_reads_) return {.group = group, .column = column};
  return {.group = late_reads_->group_found({slice.column, k_tile, strip, subtile}, group), .column = column};
}

StagedScales Pipeline::scales(const ScaleSource& source) const {
  const repack::Packed& packed = task_.packed;
  const bool inside = source.group < packed.groups() && source.column < packed.N;  // a stale row may be uninitialised
  StagedScales staged = inside ? StagedScales{} : guard_scales();
  staged.grouped = !packed.one_group();
  staged.symmetric = packed.zeros.empty();
  if (!inside) return staged;
  const bool beyond_extent = way_ == PipelineWay::scale_extent_large_k && source.group >= packed.group_size;
  if (!beyond_extent) std::copy_n(&packed.scales(source.group, source.column), kStripN, staged.scales);
  if (!staged.symmetric)
    std::copy_n(&packed.zeros(source.group, source.column / kCodesPerWord), std::size(staged.zeros), staged.zeros);
  return staged;
}

std::uint16_t Pipeline::a_bits(int row, int k) const {
  const repack::Packed& packed = task_.packed;
  if (k >= packed.stored_K) return way_ == PipelineWay::padding_of_a_nan ? kNanInPadding : 0;
  const int column = packed.perm.empty() ? k : packed.perm[static_cast<std::size_t>(k)];
  if (way_ == PipelineWay::config_broken) row %= kSoundRows;
  if (way_ != PipelineWay::a_stride_ignored) return task_.A(row, column);
  const long long at = static_cast<long long>(row) * packed.stored_K + column;  // in the wider tensor
  const int stride = packed.stored_K + kSlicedOff;
  const auto inside = static_cast<int>(at % stride);
  return inside < packed.stored_K ? task_.A(static_cast<int>(at / stride), inside) : 0;
}

float Pipeline::a_value(int row, int k) const {
  const bool dropped = way_ == PipelineWay::k_tail_dropped && k / plan_.block_tile.thread_k == plan_.k_tiles - 1;
  return dropped ? 0 : loaded_value(a_bits(row, k), task_.packed.dtype);  // the same sum as without the block_tile
}

std::vector<float> Pipeline::staged_a(int problem) const {
  const int rows = plan_.rows_of(problem);
  std::vector<float> staged(static_cast<std::size_t>(plan_.K) * rows);
  auto value = staged.begin();
  for (int tile = 0; tile < plan_.K; tile += repack::kTileK)
    for (int row = 0; row < rows; ++row)
      for (int k = tile; k < tile + repack::kTileK; ++k) *value++ = a_value(kProblemRows * problem + row, k);
  return staged;
}

}  // namespace w4::kernel::lane_model
