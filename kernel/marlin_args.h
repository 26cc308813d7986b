// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/stripes.h"

#include <cstdint>

namespace w4::kernel {

// Sizes of the format (design.md, section 3) and of the CUDA kernel's parts.
inline constexpr int kUnitK = 64;  // rows of K in a unit of work
inline constexpr int kTileColumns = 64;
inline constexpr int kSubrows = 8;  // rows of A in an mma, its n

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
  int M;
  bool bf16;
  bool grouped;
  bool zeros;
};

/// What the instantiation for M rows is made of.
struct MarlinFacts {
  int rows;     // of A in a problem
  int columns;  // of a thread block: a column of Stripes
  int threads;
  int shared_bytes;  // the most that any of its types and groups needs
  int slot_floats;   // of a slot in MarlinArgs::partials
};
MarlinFacts marlin_facts(int M);

/// Launches without waiting, on a cudaStream_t (null: the default one). Returns what CUDA says of the launch, a
/// cudaError_t.
int launch_marlin(const MarlinArgs& args, const MarlinChoice& choice, void* stream = nullptr);

}  // namespace w4::kernel
