// SPDX-License-Identifier: Apache-2.0
#include "kernel/cuda/gather.h"

#include <algorithm>

namespace w4::kernel::cuda {

namespace {

constexpr int kThreads = 256;

__global__ void gather_kernel(const GatherArgs args) {
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (i >= args.K) return;
  const bool stored = i < args.stored_K;
  const int column = stored && args.perm != nullptr ? args.perm[i] : i;
  for (int m = static_cast<int>(blockIdx.y); m < args.M; m += static_cast<int>(gridDim.y))
    args.ordered[static_cast<std::size_t>(m) * args.K + i] =
        stored ? args.A[static_cast<std::size_t>(m) * args.stored_K + column] : std::uint16_t{0};
}

}  // namespace

int launch_gather(const GatherArgs& args, void* stream) {
  const dim3 grid((args.K + kThreads - 1) / kThreads, std::min(args.M, 1024));
  gather_kernel<<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(args);
  return cudaGetLastError();
}

}  // namespace w4::kernel::cuda
