// SPDX-License-Identifier: Apache-2.0
#include "kernel/cuda/repack_launch.h"

namespace w4::kernel::cuda {

namespace {

constexpr int kThreads = 256;

__device__ std::uint32_t stored_code(const RepackArgs& args, int k, int n) {
  if (k >= args.K || n >= args.N)
    return args.zeros == nullptr ? 8u : args.zeros[static_cast<std::size_t>(k / args.group_size) * args.padded_N + n];
  const int row = args.row_order == nullptr ? k : args.row_order[k];
  return args.words[static_cast<std::size_t>(row / 8) * args.N + n] >> (4 * (row % 8)) & 15u;
}

/// One thread a word of the Marlin format (design.md, section 3).
__global__ void repack_kernel(const RepackArgs args) {
  const int column = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  const int tile_row = static_cast<int>(blockIdx.y);
  if (column >= 2 * args.padded_N) return;
  const int in_tile = column % 128, lane = in_tile / 4, j = in_tile % 4;
  std::uint32_t word = 0;
  for (int slot = 0; slot < 8; ++slot) {
    const int e = 2 * (slot % 4) + slot / 4;
    const int k = 16 * tile_row + 2 * (lane % 4) + e % 2 + 8 * (e / 2 % 2);
    const int n = column / 128 * 64 + 16 * j + lane / 4 + 8 * (e / 4);
    word |= stored_code(args, k, n) << (4 * slot);
  }
  args.packed[static_cast<std::size_t>(tile_row) * 2 * args.padded_N + column] = word;
}

}  // namespace

int launch_repack(const RepackArgs& args) {
  const dim3 grid((2 * args.padded_N + kThreads - 1) / kThreads, args.padded_K / 16);
  repack_kernel<<<grid, kThreads>>>(args);
  return cudaGetLastError();
}

}  // namespace w4::kernel::cuda
