// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/layer/layer.h"

#include <limits>

namespace w4::repack {

/// How a grouped layer becomes one with a scale a column.
enum class PerColumn {
  averaged,     // the mean of a column's scales, the mean of its zero points rounded, codes as they are: another layer
  requantised,  // codes chosen anew on one grid a column: absmax when symmetric, min to max otherwise
};

/// What the conversion costs: root mean square of the change over root mean square of what was.
struct PerColumnCost {
  double weight_nrmse = 0;
  double output_nrmse = std::numeric_limits<double>::quiet_NaN();  // of A w; NaN for a layer without activations
};

/// The layer with one group, as GPTQ of the same zero encoding. g_idx goes, bias and activations stay.
/// `cost` may be null. Throws CannotTest for a float zero point that is no integer 0..15.
fixtures::Layer per_column(const fixtures::Layer& layer, PerColumn how, PerColumnCost* cost = nullptr);

}  // namespace w4::repack
