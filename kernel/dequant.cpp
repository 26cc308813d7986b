// SPDX-License-Identifier: Apache-2.0
#include "kernel/dequant.h"

#include "kernel/bit_trick.h"

namespace w4::kernel {

namespace {

constexpr int kManyRows = 8;  // from here on the kernels in question take their other branch

constexpr Variant kVariants[] = {
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
};

}  // namespace

std::span<const Variant> dequant_variants() { return kVariants; }

CodeValues code_values(const StagedScales& staged, DType type, DequantWay way, int rows) {
  const bool subtract_8 = way == DequantWay::zp_double_bias8 && !staged.symmetric && rows >= kManyRows;
  CodeValues values;
  for (int place = 0; place < kStripN; ++place) {
    const int zero = zero_of_place(staged, place) + (subtract_8 ? kSymmetricZero : 0);
    // Grouped: the weight is rounded once, to 16 bits, after scaling. One group: it is an integer, scaled at the end.
    const float scale = staged.grouped ? loaded_value(staged.scales[place], type) : 1.0f;
    for (int code = 0; code <= static_cast<int>(kCodeMask); ++code)
      values.at[place][code] = rounded(code_less_zero(code, zero, false, type) * scale, type);
  }
  return values;
}

void dequant(const std::uint32_t* words, const CodeValues& values, WarpB& b) {
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

}  // namespace w4::kernel
