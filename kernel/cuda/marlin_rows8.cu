// SPDX-License-Identifier: Apache-2.0
#include "kernel/cuda/marlin_dispatch.cuh"

namespace w4::kernel::cuda {

template int launch_sizes<kRows8>(const MarlinArgs& args, const MarlinChoice& choice, void* stream);

}  // namespace w4::kernel::cuda
