// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace w4::kernel::cuda {

/// GPTQ words to Marlin words. K and N are the layer's, padded_K and padded_N the packed layer's.
struct RepackArgs {
  const std::uint32_t* words;     // (K/8, N)
  const std::int32_t* row_order;  // (K): packed row i is stored row row_order[i]; null: as stored
  const std::uint8_t* zeros;      // (groups, padded_N): codes that fill the padding; null: 8
  std::uint32_t* packed;          // (padded_K/16, 2 padded_N)
  int K;
  int N;
  int padded_K;
  int padded_N;
  int group_size;  // of `zeros`; padded_K for one group
};

/// Launches on the default stream, without waiting. Returns the cudaError_t of the launch.
int launch_repack(const RepackArgs& args);

}  // namespace w4::kernel::cuda
