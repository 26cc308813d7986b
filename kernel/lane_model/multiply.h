// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/lane_model/dequant.h"

#include <span>

namespace w4::kernel::lane_model {

/// mma.m16n8k16 and what it accumulates in: `reference`, or a known wrong way.
enum class MultiplyWay {
  reference,
  fp16_accumulate,  // the accumulators are fp16
};

/// The ways, in the order of MultiplyWay.
std::span<const Variant> multiply_variants();

/// Whether a step changes no sum: A (rows, 16) is zero, B is `finite`, and sums are fp32. (An fp16 sum may be -0, and
/// -0 + 0 is 0.)
bool adds_nothing(const float* a, int rows, bool finite, MultiplyWay way);

/// One step of a warp over 16 rows of K: accumulators (rows, 64) += A (rows, 16) * B (16, 64).
///
/// Order of accumulation: each accumulator is one chain of fp32 additions in rising k, rounded to nearest. Products of
/// 16-bit values are exact in fp32. (A tensor core adds the 16 products at once and truncates: same error model, other
/// last bits.)
void multiply(const float* a, int rows, const WarpB& b, float* accumulators, MultiplyWay way, DType type);

}  // namespace w4::kernel::lane_model
