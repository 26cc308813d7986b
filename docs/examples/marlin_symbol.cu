// SPDX-License-Identifier: Apache-2.0
/* A shared object with nothing but the published kernel's entry point, which bisect takes as it is: fp16, symmetric,
 * one group or groups of 128, K and N multiples of 64. One thread an output.
 *
 *   nvcc -O2 -arch=native -shared -Xcompiler -fPIC docs/examples/marlin_symbol.cu -o libmarlin_symbol.so
 *   ./bisect b 128 --kernel plugin:libmarlin_symbol.so */
#include <cuda_fp16.h>

#include <cstdint>

namespace {

constexpr int kThreads = 128;
constexpr int kNotTaken = 2;  // the code of an instantiation that is not there

struct Layer {
  const uint32_t* words;  // (K/16, 2N)
  const __half* scales;   // (groups, N), in the order for one group or for several
  int N, K;
  int group_size;  // -1: one group
};

__device__ int code_at(const Layer& layer, int k, int n) {
  const int row = k % 16, column = n % 16, lane = 4 * (column % 8) + row % 8 / 2;
  const int slot = 2 * (column / 8) + row / 8 + 4 * (row % 2);
  const size_t tile = static_cast<size_t>(k / 16) * layer.N * 2 + n / 64 * 128;
  return static_cast<int>(layer.words[tile + 4 * lane + n % 64 / 16] >> (4 * slot) & 15);
}

__device__ float scale_at(const Layer& layer, int k, int n) {
  const int in32 = n % 32;
  if (layer.group_size == -1)
    return __half2float(layer.scales[n / 32 * 32 + 8 * (in32 % 8 / 2) + 2 * (in32 / 8) + in32 % 2]);
  const int place = n / 64 * 64 + 8 * (n % 8) + n % 64 / 8;
  return __half2float(layer.scales[static_cast<size_t>(k / layer.group_size) * layer.N + place]);
}

__global__ void multiply(const __half* A, const Layer layer, __half* C, int M) {
  const int n = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (n >= layer.N) return;
  for (int m = static_cast<int>(blockIdx.y); m < M; m += static_cast<int>(gridDim.y)) {
    float sum = 0;
    for (int k = 0; k < layer.K; ++k)
      sum += __half2float(A[static_cast<size_t>(m) * layer.K + k]) * scale_at(layer, k, n) *
             static_cast<float>(code_at(layer, k, n) - 8);
    C[static_cast<size_t>(m) * layer.N + n] = __float2half_rn(sum);
  }
}

}  // namespace

int marlin_cuda(const void* A, const void* B, void* C, void* s, int m, int n, int k, void*, int groupsize, int,
                cudaStream_t stream, int, int, int, int) {
  if (groupsize != -1 && groupsize != 128) return kNotTaken;
  const Layer layer{static_cast<const uint32_t*>(B), static_cast<const __half*>(s), n, k, groupsize};
  const dim3 grid((n + kThreads - 1) / kThreads, m < 1024 ? m : 1024);
  multiply<<<grid, kThreads, 0, stream>>>(static_cast<const __half*>(A), layer, static_cast<__half*>(C), m);
  return cudaGetLastError() == cudaSuccess ? 0 : 1;
}
