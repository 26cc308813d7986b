// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage.h"

namespace w4::repack::zero_points {

/// Stored zero points to z (G, N); empty when the layer is symmetric, or pair-packed with 8 everywhere.
/// Throws CannotTest for a float zero point that is no integer 0..15.
Weights reference(const Weights& w);

/// A float zero point as a code. Throws as reference() does; g and n are its place in the message.
int exact_zero(float zero, int g, int n);

Stage stage();

}  // namespace w4::repack::zero_points
