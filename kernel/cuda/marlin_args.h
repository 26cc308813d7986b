// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_sizes.h"
#include "kernel/cuda/stripes.h"

#include <cstdint>

namespace w4::kernel::cuda {

/// What a launch of the kernel reads and writes.
struct MarlinArgs {
  const std::uint16_t* A;       // (M, K), columns in the order of the packed rows
  const std::uint32_t* words;   // (K/16, 2N)
  const std::uint16_t* scales;  // (groups, N), kernel order
  const std::uint32_t* zeros;   // (groups, N/8), kernel order
  const std::uint16_t* bias;    // (N), or null
  std::uint16_t* C;             // (M, N)
  float* partials;              // slots of slices, two a thread block
  int* locks;                   // (problems * columns), zero before and after
  int M;
  int N;
  int K;
  int group_shift;  // log2 of group_size; 31 when one group
  bool reduce_16;   // partial sums but the topmost are handed over in 16 bits
  Stripes stripes;
};

/// Which instantiation a launch needs.
struct MarlinChoice {
  MarlinSizes sizes;
  bool bf16;
  bool grouped;
  bool zeros;
};

/// Whether the wgmma instantiation is built in and runs on a device of this compute capability: 9.0 and no other, PTX
/// for sm_90a is not carried over to later chips.
bool marlin_has_wgmma(int major, int minor);

/// Bytes of shared memory: the most that any type and group needs. 0: there is no instantiation of these sizes.
int marlin_shared_bytes(const MarlinSizes& sizes);

/// Launches without waiting, on a cudaStream_t (null: the default one). Returns what CUDA says of the launch, a
/// cudaError_t.
int launch_marlin(const MarlinArgs& args, const MarlinChoice& choice, void* stream = nullptr);

}  // namespace w4::kernel::cuda
