// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/dequant.h"

#include "kernel/lane_model/bit_trick.h"

#include <cmath>

namespace w4::kernel::lane_model {

namespace {

constexpr int kManyRows = 8;  // from this many rows on, the affected kernels take another branch

constexpr Variant kDequantVariants[] = {
    {.id = "reference",
     .fault = "",
     .what = "bit trick, exact zero point, one rounding of the scaled weight",
     .cure = "",
     .visible = ""},
    {.id = "zp-double-bias8",
     .fault = "zp-double-bias8",
     .what = "from 8 rows on, the 8 of a symmetric layer is subtracted from the codes and the zero point as well",
     .cure = "subtract 8 or the zero point, not both: dequantise to 0..15 when the layer stores zero points",
     .visible = "the layer is asymmetric and a 64-row problem has 8 rows or more"},
    {.id = "zp-float-sign",
     .fault = "zp-float-sign",
     .what = "the zero point is added where it is to be subtracted: w = scale * (code + zero)",
     .cure = "negate what a format stores as -zero * scale, and hand the kernel the zero point it subtracts",
     .visible = "the layer is asymmetric and has a zero point that is not 0"},
    {.id = "zp-noninteger",
     .fault = "zp-noninteger",
     .what = "codes are centred at 7.5, the middle of 0..15: every weight is off by half a scale",
     .cure = "subtract the integer 8 that the codes were rounded around",
     .visible = "the layer is symmetric"},
};

}  // namespace

std::span<const Variant> dequant_variants() { return kDequantVariants; }

namespace {

/// The zero point that this way subtracts from codes of a place.
int subtracted(const StagedScales& staged, int place, DequantWay way, int rows) {
  const int zero = zero_of_place(staged, place);
  if (staged.symmetric) return zero;
  if (way == DequantWay::zp_float_sign) return -zero;
  return way == DequantWay::zp_double_bias8 && rows >= kManyRows ? zero + kSymmetricZero : zero;
}

/// The shift of a non-integer zero point. Packed zero points have four bits and hold no halves, so only the constant 8
/// of a symmetric layer can be shifted.
float half_of(const StagedScales& staged, DequantWay way) {
  return way == DequantWay::zp_noninteger && staged.symmetric ? 0.5f : 0.0f;
}

}  // namespace

CodeValues code_values(const StagedScales& staged, DType type, DequantWay way, int rows) {
  const float half = half_of(staged, way);
  CodeValues values;
  for (int place = 0; place < kStripN; ++place) {
    const int zero = subtracted(staged, place, way, rows);
    // Grouped: the weight is rounded once, to 16 bits, after scaling. One group: it is an integer; the sum is scaled.
    const float scale = staged.grouped ? loaded_value(staged.scales[place], type) : 1.0f;
    float* at = values.at[place];
    for (int code = 0; code <= static_cast<int>(kCodeMask); ++code)
      at[code] = rounded((code_less_zero(code, zero, false, type) + half) * scale, type);
    values.finite = values.finite && std::isfinite(at[0]) && std::isfinite(at[kCodeMask]);  // the others lie between
  }
  return values;
}

void dequant(const std::uint32_t* words, const CodeValues& values, WarpB& b) {
  b.finite = values.finite;
  for (int lane = 0; lane < kLanes; ++lane)
    for (int block = 0; block < kBlocksPerStrip; ++block) {
      const std::uint32_t word = words[word_of(lane, block)];
      for (int half = 0; half < 2; ++half) {
        const float* value = values.at[grouped_place(lane, block, half)];
        const int n = strip_column(block, half, b_place(lane, 0).n);
        for (int i = 0; i < 4; ++i) b.at[b_place(lane, i).k][n] = value[code_at(word, slot_of(half, i))];
      }
    }
}

}  // namespace w4::kernel::lane_model
