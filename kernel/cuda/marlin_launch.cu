// SPDX-License-Identifier: Apache-2.0
#include "kernel/cuda/marlin_dispatch.cuh"

#include <type_traits>

namespace w4::kernel::cuda {

namespace {

#ifdef W4_HAS_SM90A
constexpr bool kBuiltWithWgmma = true;
#else
constexpr bool kBuiltWithWgmma = false;
#endif

template <MarlinSizes kSizes>
using Constant = std::integral_constant<MarlinSizes, kSizes>;

/// visit(Constant) of the instantiation of these sizes, or `otherwise`.
template <class Visit>
int visit_sizes(const MarlinSizes& sizes, const Visit& visit, int otherwise) {
  if (sizes == kRows8) return visit(Constant<kRows8>());
  if (sizes == kRows16) return visit(Constant<kRows16>());
  if (sizes == kRows32) return visit(Constant<kRows32>());
  if (sizes == kRows64) return visit(Constant<kRows64>());
  if constexpr (kBuiltWithWgmma)
    if (sizes == kRows64Hopper) return visit(Constant<kRows64Hopper>());
  return otherwise;
}

}  // namespace

bool marlin_has_wgmma(int major, int minor) { return kBuiltWithWgmma && major == 9 && minor == 0; }

int marlin_shared_bytes(const MarlinSizes& sizes) {
  return visit_sizes(
      sizes, [](auto found) { return MarlinShape<Fp16, found.value, true, true>::kSharedBytes; }, 0);
}

int launch_marlin(const MarlinArgs& args, const MarlinChoice& choice, void* stream) {
  return visit_sizes(
      choice.sizes, [&](auto found) { return launch_sizes<found.value>(args, choice, stream); }, cudaErrorInvalidValue);
}

}  // namespace w4::kernel::cuda
