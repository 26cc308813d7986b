// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace w4::kernel::cuda {

/// Loads two 8 x 8 matrices of 16-bit elements; lanes 0..15 supply the row addresses. PTX ISA, "ldmatrix".
__device__ inline void ldmatrix_x2(std::uint32_t (&to)[2], std::uint32_t shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(to[0]), "=r"(to[1])
               : "r"(shared)
               : "memory");
}

/// Loads four, two for each operand; lanes 0..31 supply the row addresses. PTX ISA, "ldmatrix".
__device__ inline void ldmatrix_x4(std::uint32_t (&first)[2], std::uint32_t (&second)[2], std::uint32_t shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(first[0]), "=r"(first[1]), "=r"(second[0]), "=r"(second[1])
               : "r"(shared)
               : "memory");
}

/// sums (16 x 8) += a (16 x 16) * b (16 x 8), accumulated in fp32. PTX ISA, "Matrix Fragments for mma.m16n8k16 with
/// floating point type".
__device__ inline void mma_16x8x16(float (&sums)[4], const __half2 (&a)[4], const std::uint32_t (&b)[2]) {
  const auto* bits = reinterpret_cast<const std::uint32_t*>(a);
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(bits[0]), "r"(bits[1]), "r"(bits[2]), "r"(bits[3]), "r"(b[0]), "r"(b[1]));
}

/// Accumulates in fp16, which overflows beyond 65504: the fp16_accumulate fault.
__device__ inline void mma_16x8x16_in_fp16(float (&sums)[4], const __half2 (&a)[4], const std::uint32_t (&b)[2]) {
  const auto* bits = reinterpret_cast<const std::uint32_t*>(a);
  __half2 halves[2] = {__floats2half2_rn(sums[0], sums[1]), __floats2half2_rn(sums[2], sums[3])};
  auto* const sum_bits = reinterpret_cast<std::uint32_t*>(halves);
  asm("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0, %1}, {%2, %3, %4, %5}, {%6, %7}, {%0, %1};"
      : "+r"(sum_bits[0]), "+r"(sum_bits[1])
      : "r"(bits[0]), "r"(bits[1]), "r"(bits[2]), "r"(bits[3]), "r"(b[0]), "r"(b[1]));
  const float2 first = __half22float2(halves[0]), second = __half22float2(halves[1]);
  sums[0] = first.x, sums[1] = first.y, sums[2] = second.x, sums[3] = second.y;
}

/// The same for bf16.
__device__ inline void mma_16x8x16(float (&sums)[4], const __nv_bfloat162 (&a)[4], const std::uint32_t (&b)[2]) {
  const auto* bits = reinterpret_cast<const std::uint32_t*>(a);
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(bits[0]), "r"(bits[1]), "r"(bits[2]), "r"(bits[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace w4::kernel::cuda
