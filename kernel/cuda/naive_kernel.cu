// SPDX-License-Identifier: Apache-2.0
#include "kernel/cuda/naive_launch.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>

namespace w4::kernel::cuda {

namespace {

constexpr int kThreads = 128;

__device__ float value_of(std::uint16_t bits, bool bf16) {
  return bf16 ? __bfloat162float(__ushort_as_bfloat16(bits)) : __half2float(__ushort_as_half(bits));
}

__device__ std::uint16_t bits_of(float value, bool bf16) {
  return bf16 ? __bfloat16_as_ushort(__float2bfloat16_rn(value)) : __half_as_ushort(__float2half_rn(value));
}

__device__ float rounded(float value, bool bf16) { return value_of(bits_of(value, bf16), bf16); }

/// The code of (k, n): the formulas of design.md, section 3, solved for lane, word and slot.
__device__ int code_of(const NaiveArgs& args, int k, int n) {
  const int in_k = k % 16, in_n = n % 64;
  const int lane = 4 * (in_n % 8) + in_k % 8 / 2, j = in_n / 16;
  const int e = in_k % 2 + 2 * (in_k / 8) + 4 * (in_n % 16 / 8);
  const int slot = e / 2 + 4 * (e % 2);
  const std::size_t row = static_cast<std::size_t>(k / 16) * 2 * args.N;
  return static_cast<int>(args.words[row + n / 64 * 128 + 4 * lane + j] >> (4 * slot) & 15u);
}

/// Place of column n in a row of scales: with several groups, and with one.
__device__ int grouped_place(int n) { return n / 64 * 64 + 8 * (n % 8) + n % 64 / 8; }
__device__ int single_place(int n) { return n / 32 * 32 + 8 * (n % 8 / 2) + 2 * (n % 32 / 8) + n % 2; }

__device__ int zero_of(const NaiveArgs& args, int group, int n) {
  if (args.zeros == nullptr) return 8;
  const int place = grouped_place(n), in_word = place % 8;
  const std::uint32_t word = args.zeros[static_cast<std::size_t>(group) * (args.N / 8) + place / 8];
  return static_cast<int>(word >> (4 * (in_word / 2 + 4 * (in_word % 2))) & 15u);
}

__device__ float weight_of(const NaiveArgs& args, int k, int n) {
  const int group = args.one_group ? 0 : k / args.group_size;
  const auto centred = static_cast<float>(code_of(args, k, n) - zero_of(args, group, n));
  if (args.one_group) return centred;  // the sum is scaled instead
  const std::uint16_t scale = args.scales[static_cast<std::size_t>(group) * args.N + grouped_place(n)];
  return rounded(centred * value_of(scale, args.bf16), args.bf16);
}

__global__ void naive_kernel(const NaiveArgs args) {
  const int n = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (n >= args.stored_N) return;
  for (int m = static_cast<int>(blockIdx.y); m < args.M; m += static_cast<int>(gridDim.y)) {
    const std::uint16_t* const row = args.A + static_cast<std::size_t>(m) * args.stored_K;
    float sum = 0.0f;
    for (int k = 0; k < args.stored_K; ++k) {
      const int column = args.perm == nullptr ? k : args.perm[k];
      sum = fmaf(value_of(row[column], args.bf16), weight_of(args, k, n), sum);
    }
    if (args.one_group) sum *= value_of(args.scales[single_place(n)], args.bf16);
    if (args.bias != nullptr) sum += value_of(args.bias[n], args.bf16);
    args.C[static_cast<std::size_t>(m) * args.stored_N + n] = bits_of(sum, args.bf16);
  }
}

}  // namespace

int launch_naive(const NaiveArgs& args, void* stream) {
  const dim3 grid((args.stored_N + kThreads - 1) / kThreads, std::min(args.M, 4096));
  naive_kernel<<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(args);
  return cudaGetLastError();
}

}  // namespace w4::kernel::cuda
