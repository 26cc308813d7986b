// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/multiply.h"

#include "kernel/lane_model/rounding.h"

#include <algorithm>

namespace w4::kernel::lane_model {

namespace {

constexpr Variant kMultiplyVariants[] = {
    {.id = "reference", .fault = "", .what = "16-bit operands, fp32 accumulators", .cure = "", .visible = ""},
    {.id = "fp16-accumulate-overflow",
     .fault = "fp16-accumulate-overflow",
     .what = "the accumulators are fp16: partial sums beyond 65504 become infinite, smaller ones lose their last bits",
     .cure = "accumulate in fp32 (mma ... .f32.f16.f16.f32)",
     .visible = "the type is fp16 and partial sums need more than 11 bits or pass 65504"},
};

/// A row of accumulators, in a local array so that the inner loop vectorises.
void multiply_row(const float* a, const WarpB& b, float* accumulators) {
  float sums[kStripN];
  std::copy_n(accumulators, kStripN, sums);
  for (int k = 0; k < repack::kTileK; ++k)
    for (int n = 0; n < kStripN; ++n) sums[n] += a[k] * b.at[k][n];
  std::copy_n(sums, kStripN, accumulators);
}

}  // namespace

std::span<const Variant> multiply_variants() { return kMultiplyVariants; }

void multiply(const float* a, int rows, const WarpB& b, float* accumulators, MultiplyWay way, DType type) {
  const bool narrow = way == MultiplyWay::fp16_accumulate && type == DType::fp16;
  for (int row = 0; row < rows; ++row) {
    float* sums = accumulators + row * kStripN;
    multiply_row(a + row * repack::kTileK, b, sums);
    if (narrow) std::transform(sums, sums + kStripN, sums, round_to_fp16);  // an fp16 mma rounds once, at its end
  }
}

}  // namespace w4::kernel::lane_model
