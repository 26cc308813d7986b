// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace w4::kernel::cuda {

// Asynchronous mma of a warpgroup (four warps); sm_90a. PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions".

/// Makes shared memory that this thread sees visible to wgmma (the async proxy). PTX ISA, "membar / fence", proxy
/// fences.
__device__ inline void fence_for_wgmma() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

/// Needed before the first wgmma, and before a wgmma whose registers were written. PTX ISA, "wgmma.fence".
__device__ inline void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

/// Closes the group of wgmma issued since the last one. PTX ISA, "wgmma.commit_group".
__device__ inline void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

/// Waits until at most kPending groups are in flight. PTX ISA, "wgmma.wait_group".
template <int kPending>
__device__ inline void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// Descriptor of rows of 128 bytes with 128-byte swizzle: 16-byte piece p of row r lies at p ^ r % 8. `shared` is a
/// multiple of 1024; + 2 in the descriptor is the next 16 of K. PTX ISA, "Matrix Descriptor Format".
__device__ inline std::uint64_t swizzled_rows(std::uint32_t shared) {
  constexpr std::uint64_t kSwizzle128 = std::uint64_t{1} << 62, kRows8Bytes = std::uint64_t{1024 / 16} << 32;
  return kSwizzle128 | kRows8Bytes | (shared & 0x3FFFF) / 16;
}

#define W4_WGMMA_64X64X16(type)                                                                                      \
  asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type                                           \
               " {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, "        \
               "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, 1, 1, 1, 0;" \
               : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]),           \
                 "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),           \
                 "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]),           \
                 "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),           \
                 "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]), "+f"(d[7][0]), "+f"(d[7][1]),           \
                 "+f"(d[7][2]), "+f"(d[7][3])                                                                        \
               : "r"(bits[0]), "r"(bits[1]), "r"(bits[2]), "r"(bits[3]), "l"(b))

/// d (64 x 64, 16 rows a warp) += a (64 x 16) * b (16 x 64, swizzled_rows() of its transpose), accumulated in fp32.
/// Fragments are laid out as those of mma_16x8x16(). PTX ISA, "wgmma.mma_async".
__device__ inline void wgmma_64x64x16(float (&d)[8][4], const __half2 (&a)[4], std::uint64_t b) {
  const auto* bits = reinterpret_cast<const std::uint32_t*>(a);
  W4_WGMMA_64X64X16("f16");
}

/// The same for bf16.
__device__ inline void wgmma_64x64x16(float (&d)[8][4], const __nv_bfloat162 (&a)[4], std::uint64_t b) {
  const auto* bits = reinterpret_cast<const std::uint32_t*>(a);
  W4_WGMMA_64X64X16("bf16");
}

#undef W4_WGMMA_64X64X16

}  // namespace w4::kernel::cuda
