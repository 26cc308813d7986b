// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/reduce.h"

#include "kernel/lane_model/rounding.h"

#include <cassert>

namespace w4::kernel::lane_model {

namespace {

constexpr Variant kReduceVariants[] = {
    {.id = "reference",
     .fault = "",
     .what = "block reduction, then the slices of a column one after another through a lock",
     .cure = "",
     .visible = ""},
    {.id = "lock-workspace-dirty",
     .fault = "lock-workspace-dirty",
     .what = "the last slice does not reset the lock: the next launch with this workspace waits for ever or goes early",
     .cure = "reset the lock when the last slice is through, or zero the workspace before every launch",
     .visible = "some column has more than one slice"},
    {.id = "output-not-zeroed-atomic",
     .fault = "output-not-zeroed-atomic",
     .what = "every slice adds its 16-bit result onto C, which was not zeroed",
     .cure = "zero C before the launch, in stream order",
     .visible = "C does not happen to be zero before the launch"},
    {.id = "lowprec-partial-reduce",
     .fault = "lowprec-partial-reduce",
     .what = "partial sums are handed over in 16 bits although 32 were asked for",
     .cure = "hand partial sums over in an fp32 buffer",
     .visible = "the reduction is to be in 32 bits and some column has more than one slice"},
    {.id = "writeout-race",
     .fault = "writeout-race",
     .what =
         "after the write-out the next slice's rows of A overwrite the staging area while slower warps still read it",
     .cure = "put a barrier after the write-out, before the next slice's loads",
     .visible = "M is 64 or more, and a thread block does a whole column and goes on to another",
     .repeats_differ = true},
};

}  // namespace

std::span<const Variant> reduce_variants() { return kReduceVariants; }

Accumulators::Accumulators(int strip_count, int k_warp_count, int row_count)
    : strips(strip_count),
      k_warps(k_warp_count),
      rows(row_count),
      at(static_cast<std::size_t>(strip_count) * k_warp_count * row_count * kStripN) {}

Sums block_reduce(const Accumulators& warps) {
  assert(warps.k_warps == 2 || warps.k_warps == 4);
  Sums sums{.rows = warps.rows, .cols = warps.strips * kStripN, .at = {}};
  sums.at.resize(static_cast<std::size_t>(sums.rows) * sums.cols);
  for (int strip = 0; strip < warps.strips; ++strip)
    for (int row = 0; row < warps.rows; ++row)
      for (int n = 0; n < kStripN; ++n) {
        const auto of = [&](int k_warp) { return warps.of(strip, k_warp)[row * kStripN + n]; };
        sums.row(row)[strip * kStripN + n] = of(0) + (warps.k_warps == 2 ? of(1) : of(1) + (of(3) + of(2)));
      }
  return sums;
}

Handover::Handover(const OutputTile& tile, const Launch& launch, ReduceWay way)
    : tile_(tile), in_output_(launch.reduce_bits == 16 || way == ReduceWay::lowprec_partial) {
  if (in_output_) return;
  buffer_ = {.rows = tile.rows, .cols = tile.cols, .at = {}};
  buffer_.at.assign(static_cast<std::size_t>(tile.rows) * tile.cols, loaded_value(launch.fill, tile.dtype));
}

void Handover::leave(const Sums& sums) {
  if (!in_output_) {
    buffer_ = sums;
    return;
  }
  for (int row = 0; row < sums.rows; ++row)
    for (int n = 0; n < sums.cols; ++n)
      tile_.at(row, n / kStripN * kStripN + handover_column(n % kStripN)) = stored_bits(sums.row(row)[n], tile_.dtype);
}

void Handover::add_what_was_left(Sums& sums) const {
  for (int row = 0; row < sums.rows; ++row)
    for (int n = 0; n < sums.cols; ++n)
      sums.row(row)[n] +=
          in_output_ ? loaded_value(tile_.at(row, n / kStripN * kStripN + handover_column(n % kStripN)), tile_.dtype)
                     : buffer_.row(row)[n];
}

}  // namespace w4::kernel::lane_model
