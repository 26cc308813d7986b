// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace w4::kernel::cuda {

/// Columns of A in the order of the packed rows: ordered(m, i) = A(m, perm[i]); zero from column stored_K on.
struct GatherArgs {
  const std::uint16_t* A;    // (M, stored_K)
  const std::int32_t* perm;  // (stored_K); null: column i
  std::uint16_t* ordered;    // (M, K)
  int M;
  int K;
  int stored_K;
};

/// Launches on a cudaStream_t (null: the default one), without waiting. Returns the cudaError_t of the
/// launch.
int launch_gather(const GatherArgs& args, void* stream);

}  // namespace w4::kernel::cuda
