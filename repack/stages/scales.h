// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage.h"

namespace w4::repack::scales {

inline constexpr std::uint8_t kGuardZero = 15;  // the zero point that lies behind the last stored one

/// Scales and zero points of the groups that the kernel sees, (Gk, Np), columns in natural order.
Weights reference(const Weights& w);

Stage stage();

}  // namespace w4::repack::scales
