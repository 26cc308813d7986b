// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace w4::kernel::cuda {

/// (word & mask) | bits in one instruction. PTX ISA, "lop3": immLut of (a & b) | c is 0xEA.
__device__ inline std::uint32_t masked_or(std::uint32_t word, std::uint32_t mask, std::uint32_t bits) {
  std::uint32_t to;
  asm("lop3.b32 %0, %1, %2, %3, 0xEA;" : "=r"(to) : "r"(word), "r"(mask), "r"(bits));
  return to;
}

template <class Pair>
__device__ inline Pair as_pair(std::uint32_t bits) {
  return *reinterpret_cast<const Pair*>(&bits);
}

/// Operations on pairs of a 16-bit type: the bit trick (kernel/lane_model/bit_trick.h) and conversions.
struct Fp16 {
  using Pair = __half2;

  /// Slots r and r+4 of a word, each as 1024 + code; for odd r as 1024 + 16 code, which saves shifts.
  static __device__ Pair raw(std::uint32_t word, int r) {
    const std::uint32_t mask = r % 2 == 0 ? 0x000F000Fu : 0x00F000F0u;
    return as_pair<Pair>(masked_or(r < 2 ? word : word >> 8, mask, 0x64006400u));
  }
  /// code - zero point, exact. `raw`: raw(word, r); `zero`: 1024 + zero point.
  static __device__ Pair less_zero(Pair raw, int r, Pair zero) {
    if (r % 2 == 0) return __hsub2(raw, zero);
    return __hfma2(raw, as_pair<Pair>(0x2C002C00u), __hsub2(as_pair<Pair>(0x63806380u), zero));  // raw/16 + 960 - zero
  }
  /// 1024 + zero point of slots r and r+4.
  static __device__ Pair zero_of(std::uint32_t word, int r) {
    return as_pair<Pair>(masked_or(word >> (4 * r), 0x000F000Fu, 0x64006400u));
  }
  static __device__ Pair symmetric_zero() { return as_pair<Pair>(0x64086408u); }
  static __device__ Pair low(Pair p) { return __low2half2(p); }
  static __device__ Pair high(Pair p) { return __high2half2(p); }
  static __device__ Pair product(Pair a, Pair b) { return __hmul2(a, b); }
  static __device__ float2 floats(Pair p) { return __half22float2(p); }
  static __device__ Pair rounded(float2 v) { return __floats2half2_rn(v.x, v.y); }
};

struct Bf16 {
  using Pair = __nv_bfloat162;

  /// Slots r and r+4 of a word, each as 128 + code.
  static __device__ Pair raw(std::uint32_t word, int r) {
    return as_pair<Pair>(masked_or(word >> (4 * r), 0x000F000Fu, 0x43004300u));
  }
  /// code - zero point, exact. `zero`: 128 + zero point.
  static __device__ Pair less_zero(Pair raw, int, Pair zero) { return __hsub2(raw, zero); }
  static __device__ Pair zero_of(std::uint32_t word, int r) { return raw(word, r); }
  static __device__ Pair symmetric_zero() { return as_pair<Pair>(0x43084308u); }
  static __device__ Pair low(Pair p) { return __low2bfloat162(p); }
  static __device__ Pair high(Pair p) { return __high2bfloat162(p); }
  static __device__ Pair product(Pair a, Pair b) { return __hmul2(a, b); }
  static __device__ float2 floats(Pair p) { return __bfloat1622float2(p); }
  static __device__ Pair rounded(float2 v) { return __floats2bfloat162_rn(v.x, v.y); }
};

/// Scales and zero points of a lane's columns: [block of 16 columns][columns 0..7 or 8..15], both halves of a pair
/// alike.
template <class Type, int kBlocks>
struct ColumnValues {
  typename Type::Pair scale[kBlocks][2];
  typename Type::Pair zero[kBlocks][2];
};

/// words[block]: the two scales of the lane in that block of 16 columns.
template <class Type, int kBlocks>
__device__ inline void spread_scales(const std::uint32_t (&words)[kBlocks], ColumnValues<Type, kBlocks>& values) {
#pragma unroll
  for (int block = 0; block < kBlocks; ++block) {
    values.scale[block][0] = Type::low(as_pair<typename Type::Pair>(words[block]));
    values.scale[block][1] = Type::high(as_pair<typename Type::Pair>(words[block]));
  }
}

/// Zero points likewise. Their word is interleaved as codes are, so zero_of() yields them in the order of blocks.
template <class Type, int kBlocks>
__device__ inline void spread_zeros(std::uint32_t word, ColumnValues<Type, kBlocks>& values) {
#pragma unroll
  for (int block = 0; block < kBlocks; ++block) {
    const auto pair = Type::zero_of(word, block);
    values.zero[block][0] = Type::low(pair);
    values.zero[block][1] = Type::high(pair);
  }
}

/// The 8 codes of a word as the A operand (16 x 16) of mma.m16n8k16; its 16 rows are 16 columns of W. Grouped:
/// (code - zero) * scale, rounded once. One group: code - zero, exact; the scale follows in the epilogue.
template <class Type, bool kGrouped, bool kZeros, int kBlocks>
__device__ inline void dequant(std::uint32_t word, int block, const ColumnValues<Type, kBlocks>& values,
                               typename Type::Pair (&fragment)[4]) {
#pragma unroll
  for (int r = 0; r < 4; ++r) {  // r % 2: half of k; r / 2: half of the columns
    const auto zero = kZeros ? values.zero[block][r / 2] : Type::symmetric_zero();
    auto value = Type::less_zero(Type::raw(word, r), r, zero);
    if (kGrouped) value = Type::product(value, values.scale[block][r / 2]);
    fragment[2 * (r % 2) + r / 2] = value;
  }
}

}  // namespace w4::kernel::cuda
