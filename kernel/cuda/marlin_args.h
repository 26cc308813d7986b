// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_sizes.h"
#include "kernel/cuda/stripes.h"

#include <cstdint>

namespace w4::kernel::cuda {

/// Arguments of the kernel.
struct MarlinArgs {
  const std::uint16_t* A;       // (M, K), columns in the order of the packed rows
  const std::uint32_t* words;   // (K/16, 2N)
  const std::uint16_t* scales;  // (groups, N), kernel order
  const std::uint32_t* zeros;   // (groups, N/8), kernel order
  const std::uint16_t* bias;    // (N), or null
  std::uint16_t* C;             // (M, N)
  float* partials;              // partial sums of slices: two slots a thread block
  int* locks;                   // (problems * columns), zero before and after
  int M;
  int N;
  int K;
  int group_shift;  // log2 of group_size; 31 when one group
  bool reduce_16;   // partial sums are handed over in 16 bits, but for the slice with k = 0
  Stripes stripes;
};

/// Selects an instantiation.
struct MarlinChoice {
  MarlinSizes sizes;
  bool bf16;
  bool grouped;
  bool zeros;
};

/// Whether the wgmma instantiation is built in and runs on a device of this compute capability: 9.0 alone, because
/// sm_90a code does not run on later architectures.
bool marlin_has_wgmma(int major, int minor);

/// Largest shared memory, in bytes, of the instantiations of these sizes; 0: there is none.
int marlin_shared_bytes(const MarlinSizes& sizes);

/// Launches on a cudaStream_t (null: the default stream), without waiting. Returns the cudaError_t of the launch.
int launch_marlin(const MarlinArgs& args, const MarlinChoice& choice, void* stream = nullptr);

}  // namespace w4::kernel::cuda
