// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/reduce.h"

#include <span>

namespace w4::kernel::lane_model {

/// Scale of one group, bias, cast, store: `reference`, or a known wrong way.
enum class EpilogueWay {
  reference,
  bias_double,            // the caller adds the bias once more to C
  bias_one,               // 1 is added instead of the bias
  bias_missing,           // no bias is added
  bias_permuted_raw_add,  // the bias is permuted as scales are, and added without undoing that
  bias_perm_missing,      // the bias is in natural order, and is read in the order of one group's scales
  cast_before_scale,      // one group: the sum is cast to 16 bits before it is scaled
  scale_not_passed,       // the variant that adds a bias is not given the scale of one group
};

/// The ways, in the order of EpilogueWay.
std::span<const Variant> epilogue_variants();

/// How finished sums reach C.
enum class Store {
  overwrite,  // the last slice of a column writes C
  add_onto,   // an atomic add of 16 bits
};

/// Writes a tile of C, lane by lane. Grouped: sum + bias in fp32, one rounding. One group: the sum is rounded to 16
/// bits, multiplied by the scale of its column, the bias is added in fp32, and the result is rounded again. Scales are
/// read in the kernel's order, the bias in natural order.
void write_out(const Sums& sums, const OutputTile& tile, const repack::Packed& packed, EpilogueWay way, Store store,
               bool with_bias);

}  // namespace w4::kernel::lane_model
