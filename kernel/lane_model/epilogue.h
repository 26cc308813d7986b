// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/reduce.h"

#include <span>

namespace w4::kernel::lane_model {

/// Scale of one group, bias, cast, store: `reference`, or a known wrong way.
enum class EpilogueWay {
  reference,
  bias_double,            // the caller adds the bias once more to C
  bias_one,               // 1 is added in its place
  bias_missing,           // nobody adds it
  bias_permuted_raw_add,  // the bias was permuted as scales are, and is added as if it were not
  cast_before_scale,      // the sum of one group is cast to 16 bits, and scaled then
  scale_not_passed,       // the variant that adds a bias is not given the scale of one group
};

/// The ways, in the order of EpilogueWay.
std::span<const Variant> epilogue_variants();

/// What becomes of the finished sums.
enum class Store {
  overwrite,  // the last slice of a column writes C
  add_onto,   // an atomic add of 16 bits
};

/// Writes a tile of C, lane by lane. Grouped: sum + bias in fp32, one rounding. One group: the sum is rounded to 16
/// bits, is multiplied by its column's scale, the bias is added in fp32, and the result is rounded again. The lanes
/// find a column's scale at the place where they read it, its bias where it is.
void write_out(const Sums& sums, const OutputTile& tile, const repack::Packed& packed, EpilogueWay way, Store store,
               bool with_bias);

}  // namespace w4::kernel::lane_model
