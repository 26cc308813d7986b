// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_kernel.cuh"

namespace w4::kernel::cuda {

template <class Shape>
int launch_shape(const MarlinArgs& args, void* stream) {
  const cudaError_t allowed =
      cudaFuncSetAttribute(marlin_kernel<Shape>, cudaFuncAttributeMaxDynamicSharedMemorySize, Shape::kSharedBytes);
  if (allowed != cudaSuccess) return allowed;
  marlin_kernel<Shape>
      <<<args.stripes.thread_blocks, Shape::kBlockThreads, Shape::kSharedBytes, static_cast<cudaStream_t>(stream)>>>(
          args);
  return cudaGetLastError();
}

template <class Type, MarlinSizes kSizes>
int launch_type(const MarlinArgs& args, const MarlinChoice& choice, void* stream) {
  if (choice.grouped && choice.zeros) return launch_shape<MarlinShape<Type, kSizes, true, true>>(args, stream);
  if (choice.grouped) return launch_shape<MarlinShape<Type, kSizes, true, false>>(args, stream);
  if (choice.zeros) return launch_shape<MarlinShape<Type, kSizes, false, true>>(args, stream);
  return launch_shape<MarlinShape<Type, kSizes, false, false>>(args, stream);
}

template <MarlinSizes kSizes>
int launch_sizes(const MarlinArgs& args, const MarlinChoice& choice, void* stream) {
  return choice.bf16 ? launch_type<Bf16, kSizes>(args, choice, stream)
                     : launch_type<Fp16, kSizes>(args, choice, stream);
}

// One file each, so that they compile in parallel.
extern template int launch_sizes<kRows8>(const MarlinArgs& args, const MarlinChoice& choice, void* stream);
extern template int launch_sizes<kRows16>(const MarlinArgs& args, const MarlinChoice& choice, void* stream);
extern template int launch_sizes<kRows32>(const MarlinArgs& args, const MarlinChoice& choice, void* stream);
extern template int launch_sizes<kRows64>(const MarlinArgs& args, const MarlinChoice& choice, void* stream);
extern template int launch_sizes<kRows64Hopper>(const MarlinArgs& args, const MarlinChoice& choice, void* stream);

}  // namespace w4::kernel::cuda
