// SPDX-License-Identifier: Apache-2.0
#include "kernel/lane_model/multiply.h"

#include "kernel/lane_model/rounding.h"

#include <algorithm>
#include <cstring>

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

/// Eight columns: one operation in every build, with sanitizers and without optimisation too.
using Eight [[gnu::vector_size(32), gnu::may_alias]] = float;
constexpr int kEights = kStripN / 8;

// A second version for CPUs with AVX2 is chosen when the program starts. Both give the same bits: nothing is fused.
#if defined(__x86_64__) && !defined(__clang__)
#define W4_FOR_EACH_CPU [[gnu::target_clones("avx2", "default")]]
#else
#define W4_FOR_EACH_CPU
#endif

/// A row of accumulators, in a local array so that they stay in registers.
W4_FOR_EACH_CPU void multiply_row(const float* a, const WarpB& b, float* accumulators) {
  Eight sums[kEights];
  std::memcpy(sums, accumulators, sizeof sums);
  for (int k = 0; k < repack::kTileK; ++k) {
    const auto* row = reinterpret_cast<const Eight*>(b.at[k]);
    for (int i = 0; i < kEights; ++i) sums[i] += a[k] * row[i];
  }
  std::memcpy(accumulators, sums, sizeof sums);
}
#undef W4_FOR_EACH_CPU

}  // namespace

std::span<const Variant> multiply_variants() { return kMultiplyVariants; }

bool adds_nothing(const float* a, int rows, bool finite, MultiplyWay way) {
  return finite && way == MultiplyWay::reference &&
         std::all_of(a, a + rows * repack::kTileK, [](float value) { return value == 0; });
}

void multiply(const float* a, int rows, const WarpB& b, float* accumulators, MultiplyWay way, DType type) {
  const bool narrow = way == MultiplyWay::fp16_accumulate && type == DType::fp16;
  for (int row = 0; row < rows; ++row) {
    if (adds_nothing(a + row * repack::kTileK, 1, b.finite, way)) continue;
    float* sums = accumulators + row * kStripN;
    multiply_row(a + row * repack::kTileK, b, sums);
    if (narrow) std::transform(sums, sums + kStripN, sums, round_to_fp16);  // an fp16 mma rounds once, at its end
  }
}

}  // namespace w4::kernel::lane_model
