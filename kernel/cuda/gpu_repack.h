// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/weights.h"

namespace w4::kernel::cuda {

/// The stages `codes`, `tiles` and `fragments` on the GPU: a GPTQ layer's words to Marlin words (K/16, 2N), equal to
/// the CPU's in every bit. `weights`: words as stored, row_order and kernel_zeros as the stages up to `scales` set
/// them. Throws CannotTest for another format, and where there is no device.
Grid<std::uint32_t> gpu_repack(const repack::Weights& weights);

}  // namespace w4::kernel::cuda
