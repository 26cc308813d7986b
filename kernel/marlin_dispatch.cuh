// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/marlin_kernel.cuh"

#include <type_traits>

namespace w4::kernel {

// An instantiation for each number of rows of A: runs of 8 rows, warps a strip, strips, teams, stages. Chosen by time
// on an H200; no two warps share rows of A up to 32 rows, so that no warp waits for another inside a slice.
template <class Type, bool kGrouped, bool kZeros>
using Rows8 = MarlinShape<Type, 1, 1, 1, 8, 3, kGrouped, kZeros>;
template <class Type, bool kGrouped, bool kZeros>
using Rows16 = MarlinShape<Type, 2, 1, 1, 8, 4, kGrouped, kZeros>;
template <class Type, bool kGrouped, bool kZeros>
using Rows32 = MarlinShape<Type, 4, 1, 1, 8, 2, kGrouped, kZeros>;
template <class Type, bool kGrouped, bool kZeros>
using Rows64 = MarlinShape<Type, 8, 2, 2, 3, 3, kGrouped, kZeros>;

template <class Shape>
int launch_shape(const MarlinArgs& args, void* stream) {
  const cudaError_t allowed =
      cudaFuncSetAttribute(marlin_kernel<Shape>, cudaFuncAttributeMaxDynamicSharedMemorySize, Shape::kSharedBytes);
  if (allowed != cudaSuccess) return allowed;
  marlin_kernel<Shape>
      <<<args.stripes.thread_blocks, Shape::kThreads, Shape::kSharedBytes, static_cast<cudaStream_t>(stream)>>>(args);
  return cudaGetLastError();
}

template <template <class, bool, bool> class Rows, class Type>
int launch_type(const MarlinArgs& args, const MarlinChoice& choice, void* stream) {
  if (choice.grouped && choice.zeros) return launch_shape<Rows<Type, true, true>>(args, stream);
  if (choice.grouped) return launch_shape<Rows<Type, true, false>>(args, stream);
  if (choice.zeros) return launch_shape<Rows<Type, false, true>>(args, stream);
  return launch_shape<Rows<Type, false, false>>(args, stream);
}

template <template <class, bool, bool> class Rows>
int launch_rows(const MarlinArgs& args, const MarlinChoice& choice, void* stream) {
  return choice.bf16 ? launch_type<Rows, Bf16>(args, choice, stream) : launch_type<Rows, Fp16>(args, choice, stream);
}

// Each in a file of its own: they are compiled side by side.
int launch_rows8(const MarlinArgs& args, const MarlinChoice& choice, void* stream);
int launch_rows16(const MarlinArgs& args, const MarlinChoice& choice, void* stream);
int launch_rows32(const MarlinArgs& args, const MarlinChoice& choice, void* stream);
int launch_rows64(const MarlinArgs& args, const MarlinChoice& choice, void* stream);

}  // namespace w4::kernel
