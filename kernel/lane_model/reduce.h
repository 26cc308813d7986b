// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/lane_model.h"
#include "kernel/lane_model/plan.h"

#include <cstddef>
#include <span>
#include <vector>

namespace w4::kernel::lane_model {

/// Block, global reduction and write-out: `reference`, or a known wrong way.
enum class ReduceWay {
  reference,
  lock_workspace_dirty,      // the last slice increments the lock instead of resetting it
  output_not_zeroed_atomic,  // every slice adds its 16-bit result onto C, which was not zeroed
  lowprec_partial,           // partial sums are handed over in 16 bits even where 32 were asked for
  writeout_race,             // no barrier after the write-out: the next slice's loads overwrite sums not yet written
};

/// The ways, in the order of ReduceWay.
std::span<const Variant> reduce_variants();

/// Sums of one slice: (rows, cols), natural order.
struct Sums {
  int rows = 0;
  int cols = 0;
  std::vector<float> at;

  float* row(int r) { return &at[static_cast<std::size_t>(r) * cols]; }
  const float* row(int r) const { return &at[static_cast<std::size_t>(r) * cols]; }
};

/// The part of C (padded to N columns) that belongs to one 64-row problem and block_tile column.
struct OutputTile {
  std::uint16_t* first = nullptr;
  std::ptrdiff_t stride = 0;
  int rows = 0;
  int cols = 0;
  int first_column = 0;
  DType dtype = DType::fp16;

  std::uint16_t& at(int r, int c) const { return first[stride * r + c]; }
};

/// The warps' accumulators of a slice: [strip][k_warp][row][64].
struct Accumulators {
  int strips = 0;
  int k_warps = 0;
  int rows = 0;
  std::vector<float> at;

  Accumulators(int strip_count, int k_warp_count, int row_count);
  float* of(int strip, int k_warp) { return &at[index(strip, k_warp)]; }
  const float* of(int strip, int k_warp) const { return &at[index(strip, k_warp)]; }

 private:
  std::size_t index(int strip, int k_warp) const {
    return (static_cast<std::size_t>(strip) * k_warps + k_warp) * rows * kStripN;
  }
};

/// Block reduction in fp32 through shared memory, element by element. The upper half of the k-warps hands its sums to
/// the lower half until one is left: four warps yield w0 + (w1 + (w3 + w2)), two w0 + w1.
Sums block_reduce(const Accumulators& accumulators);

/// Handover of partial sums between the slices of a column: in C (16 bits) or in a buffer of floats. Elements not
/// written hold the launch's fill.
class Handover {
 public:
  Handover(const OutputTile& tile, const Launch& launch, ReduceWay way);

  void leave(const Sums& sums);              // rounds to 16 bits, unless the buffer is fp32
  void add_what_was_left(Sums& sums) const;  // sum = own + left, in fp32

 private:
  OutputTile tile_;
  bool in_output_;
  Sums buffer_;
};

}  // namespace w4::kernel::lane_model
