// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace w4::kernel::cuda {

/// Arguments of the naive kernel; shapes as in repack/packed.h.
struct NaiveArgs {
  const std::uint16_t* A;      // (M, stored_K)
  const std::uint32_t* words;  // (K/16, 2N)
  const std::uint16_t* scales;
  const std::uint32_t* zeros;  // null: symmetric
  const std::int32_t* perm;    // null: as stored
  const std::uint16_t* bias;   // null: none
  std::uint16_t* C;            // (M, stored_N)
  int M;
  int N;
  int stored_N;
  int stored_K;
  int group_size;
  bool one_group;
  bool bf16;
};

/// Launches on a cudaStream_t, without waiting. Returns the cudaError_t of the launch.
int launch_naive(const NaiveArgs& args, void* stream);

}  // namespace w4::kernel::cuda
