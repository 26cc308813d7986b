// SPDX-License-Identifier: Apache-2.0
/* A whole plug-in on a GPU: one thread an output, every code looked up in the Marlin format.
 *
 *   nvcc -O2 -arch=native -shared -Xcompiler -fPIC -I . docs/examples/plugin_device.cu -o libplugin_device.so
 *   ./bisect b 128 --kernel plugin:libplugin_device.so */
#include "kernel/plugin.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace {

__device__ float value_of(uint16_t bits, int type) {
  return type == W4_BF16 ? __bfloat162float(__ushort_as_bfloat16(bits)) : __half2float(__ushort_as_half(bits));
}

__device__ uint16_t bits_of(float value, int type) {
  return type == W4_BF16 ? __bfloat16_as_ushort(__float2bfloat16_rn(value)) : __half_as_ushort(__float2half_rn(value));
}

/* Row k and column n of a tile of 16 x 64 lie in one slot of one of its 128 words. */
__device__ int code_at(const W4Call& call, int k, int n) {
  const int row = k % 16, column = n % 16, lane = 4 * (column % 8) + row % 8 / 2;
  const int slot = 2 * (column / 8) + row / 8 + 4 * (row % 2);
  const size_t tile = static_cast<size_t>(k / 16) * call.padded_N * 2 + n / 64 * 128;
  return static_cast<int>(call.words[tile + 4 * lane + n % 64 / 16] >> (4 * slot) & 15);
}

__device__ int grouped_place(int n) { return n / 64 * 64 + 8 * (n % 8) + n % 64 / 8; }

__device__ float scale_at(const W4Call& call, int group, int n) {
  const int in32 = n % 32;
  const int single_place = n / 32 * 32 + 8 * (in32 % 8 / 2) + 2 * (in32 / 8) + in32 % 2;
  const int place = call.groups > 1 ? grouped_place(n) : single_place;
  return value_of(call.scales[static_cast<size_t>(group) * call.padded_N + place], call.type);
}

__device__ int zero_at(const W4Call& call, int group, int n) {
  if (call.zeros == nullptr) return 8;
  const int place = grouped_place(n), in8 = place % 8, slot = in8 / 2 + 4 * (in8 % 2);
  return static_cast<int>(call.zeros[static_cast<size_t>(group) * (call.padded_N / 8) + place / 8] >> (4 * slot) & 15);
}

__global__ void multiply(const W4Call call) {
  const int n = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (n >= call.N) return;
  for (int m = static_cast<int>(blockIdx.y); m < call.M; m += static_cast<int>(gridDim.y)) {
    const uint16_t* const a = call.A + static_cast<size_t>(m) * call.K;
    double sum = 0;
    for (int k = 0; k < call.K; ++k) {
      const int group = call.groups > 1 ? k / call.group_size : 0;
      const float weight = scale_at(call, group, n) * static_cast<float>(code_at(call, k, n) - zero_at(call, group, n));
      sum += static_cast<double>(value_of(a[call.perm == nullptr ? k : call.perm[k]], call.type)) * weight;
    }
    if (call.bias != nullptr) sum += value_of(call.bias[n], call.type);
    call.C[static_cast<size_t>(m) * call.N + n] = bits_of(static_cast<float>(sum), call.type);
  }
}

/* On the stream that is given, and without waiting; what CUDA says of the launch is the code. */
int run(const W4Call* call) {
  constexpr int kThreads = 128, kMostRows = 1024;
  const dim3 grid((call->N + kThreads - 1) / kThreads, call->M < kMostRows ? call->M : kMostRows);
  multiply<<<grid, kThreads, 0, static_cast<cudaStream_t>(call->stream)>>>(*call);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? int{W4_DONE} : W4_CUDA_ERROR + static_cast<int>(error);
}

}  // namespace

extern "C" const W4Plugin* w4_plugin(void) {
  static W4Plugin plugin;
  plugin.version = W4_PLUGIN_VERSION;
  plugin.name = "dequantise on the device";
  plugin.pointers = W4_DEVICE;
  plugin.formats = W4_MARLIN;
  plugin.types = W4_FP16 | W4_BF16;
  plugin.groups = W4_GROUP_32 | W4_GROUP_64 | W4_GROUP_128 | W4_ONE_GROUP;
  plugin.extras = W4_ZEROS | W4_PERM | W4_BIAS;
  plugin.run = run;
  return &plugin;
}
