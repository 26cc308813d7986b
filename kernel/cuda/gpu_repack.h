// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/weights.h"

namespace w4::kernel::cuda {

/// The stages `codes`, `tiles` and `fragments` on the GPU: words of a GPTQ layer to Marlin words (K/16, 2N), bit for
/// bit those of the CPU. `weights`: words as stored, row_order and kernel_zeros as set by the stages up to `scales`.
/// Throws CannotTest for another format and without a device.
Grid<std::uint32_t> gpu_repack(const repack::Weights& weights);

}  // namespace w4::kernel::cuda
