// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/dequant.h"
#include "kernel/lane_model/plan.h"

#include <span>
#include <vector>

namespace w4::kernel::lane_model {

/// Global memory to shared memory to registers: `reference`, or a known wrong way.
enum class PipelineWay {
  reference,
  small_group_tile_stale,  // groups shorter than a block_tile: only the first row of staged scales is refreshed
  scale_extent_large_k,    // scales are copied with an extent of group_size rows: those behind read as 0
  tile_pointer_wrap,       // the pointer to B is not taken back where a stripe goes on to the next 64-row problem
  tile_loop_bound,         // columns are counted in units of 128: 64 left over are not visited
  k_tail_dropped,          // the last block_tile of K is not multiplied
  order_read_outside,      // behind the last slice the next entries of the row order are fetched, beyond its end
  config_broken,           // the configuration for M above 256 takes the first 256 rows of A again
  a_stride_ignored,        // A is a slice of something wider, and is read as if its rows lay K apart
  order_buffer_overrun,    // A's columns are put in order in a buffer with room for one row
  padding_of_a_nan,        // A's columns behind K are what the memory held, NaN
};

/// The ways, in the order of PipelineWay.
std::span<const Variant> pipeline_variants();

/// What lies behind the last row of words.
inline constexpr std::uint32_t kGuardWord = repack::kUnwrittenWord;

/// Whether a launch ends in an illegal address, and whether it writes outside its buffers, done this way.
bool reads_outside(PipelineWay way, const Task& task);
bool writes_outside(PipelineWay way, const Task& task);

/// The columns that a kernel visits of N.
int visited_columns(int N, PipelineWay way);

/// Which scales a warp finds in shared memory: a row of packed.scales, 64 columns from `column`.
struct ScaleSource {
  int group = -1;
  int column = -1;
  friend bool operator==(const ScaleSource&, const ScaleSource&) = default;
};

/// What the warps of a thread block find in their registers, block_tile for block_tile.
class Pipeline {
 public:
  Pipeline(const Task& task, const Plan& plan, PipelineWay way) : task_(task), plan_(plan), way_(way) {}

  /// 16-row subtiles of a block_tile that lie inside K.
  int subtiles(int k_tile) const;

  /// 64-column strips of a block_tile that lie inside N.
  int strips(int column) const;

  /// The 128 words of a tile: `subtile` of block_tile `k_tile` of a slice, `strip` of its column.
  const std::uint32_t* words(const PlannedSlice& slice, int k_tile, int subtile, int strip) const;

  /// Where the scales of that subtile come from, and the scales themselves.
  ScaleSource scale_source(const PlannedSlice& slice, int k_tile, int subtile, int strip) const;
  StagedScales scales(const ScaleSource& source) const;

  /// A's part of a block_tile as A fragments deliver it: [subtile][row][16]. Rows beyond M are not loaded, columns
  /// beyond the layer's K are zero, and with act-order column k is A's column perm[k].
  void stage_a(const PlannedSlice& slice, int k_tile, std::vector<float>& staged) const;

  /// Bits of A that meet row k of B, 0 beyond the layer's K.
  std::uint16_t a_bits(int row, int k) const;

 private:
  int first_column(int column, int strip) const;  // of a strip, in B
  int group_in(int k_tile, int staging_row) const;

  const Task& task_;
  const Plan& plan_;
  PipelineWay way_;
};

}  // namespace w4::kernel::lane_model
