// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage.h"

namespace w4::repack::zero_points {

/// Stored zero points to z (G, N); empty when the layer is symmetric, or pair-packed with 8 everywhere.
/// Throws CannotTest for a float zero point that is no integer 0..15.
Weights reference(const Weights& w);

Stage stage();

}  // namespace w4::repack::zero_points
