// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/dequant.h"
#include "kernel/lane_model/scale_ring.h"

#include <optional>
#include <span>
#include <vector>

namespace w4::kernel::lane_model {

/// Global memory to shared memory to registers: `reference`, or a known wrong way.
enum class PipelineWay {
  reference,
  small_group_tile_stale,  // groups shorter than a block_tile: only the first row of staged scales is refreshed
  scale_extent_large_k,    // scales are copied with an extent of group_size rows: later ones read as 0
  tile_pointer_wrap,       // the pointer to B is not reset where a stripe enters the next 64-row problem
  tile_loop_bound,         // columns are counted in units of 128: 64 left over are not visited
  k_tail_dropped,          // the last block_tile of K is not multiplied
  order_read_outside,      // after the last slice the kernel fetches row order entries beyond the end
  config_broken,           // the configuration for M above 256 takes the first 256 rows of A again
  a_stride_ignored,        // A is a view of a wider tensor, and is read with a row stride of K
  order_buffer_overrun,    // the buffer for A in packed row order has room for one row
  padding_of_a_nan,        // columns of A beyond K are not zeroed: NaN
  scale_ring_refill,       // no barrier before the refill: slow warps read the scales of the group after the next
};

/// The ways, in the order of PipelineWay.
std::span<const Variant> pipeline_variants();

/// The word that is read beyond the last row of words.
inline constexpr std::uint32_t kGuardWord = repack::kUnwrittenWord;

/// Whether this way makes the launch end in an illegal address, and whether it writes outside its buffers.
bool reads_outside(PipelineWay way, const Task& task);
bool writes_outside(PipelineWay way, const Task& task);

/// The columns of N that a kernel visits.
int visited_columns(int N, PipelineWay way);

/// The scales that a warp reads from shared memory: 64 columns of a row of packed.scales, from `column`.
struct ScaleSource {
  int group = -1;
  int column = -1;
  friend bool operator==(const ScaleSource&, const ScaleSource&) = default;
};

/// What the warps of a thread block load into registers, block_tile by block_tile.
class Pipeline {
 public:
  Pipeline(const Task& task, const Plan& plan, PipelineWay way);

  /// 16-row subtiles of a block_tile that lie inside K.
  int subtiles(int k_tile) const;

  /// 64-column strips of a block_tile that lie inside N.
  int strips(int column) const;

  /// The 128 words of a tile: `subtile` of block_tile `k_tile` of a slice, `strip` of its column.
  const std::uint32_t* words(const PlannedSlice& slice, int k_tile, int subtile, int strip) const;

  /// The source of the scales of that subtile, and the scales.
  ScaleSource scale_source(const PlannedSlice& slice, int k_tile, int subtile, int strip) const;
  StagedScales scales(const ScaleSource& source) const;

  /// The rows of A of a 64-row problem as A fragments deliver them: [K / 16][row][16]. Rows beyond M are not loaded,
  /// columns beyond the layer's K are zero, and with act-order column k is A's column perm[k].
  std::vector<float> staged_a(int problem) const;

  /// What of A meets row k of B, 0 beyond the layer's K: as multiplied, and the bits that are loaded.
  float a_value(int row, int k) const;
  std::uint16_t a_bits(int row, int k) const;

 private:
  int first_column(int column, int strip) const;  // of a strip, in B
  int group_in(int k_tile, int staging_row) const;

  const Task& task_;
  const Plan& plan_;
  PipelineWay way_;
  std::optional<LateScaleReads> late_reads_;
};

}  // namespace w4::kernel::lane_model
