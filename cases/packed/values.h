// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/dtype.h"
#include "fixtures/grid.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace w4::cases::packed {

/// A function of a scale's bits.
struct ScaleFunction {
  std::string fault = {};  // "like scale-exponent-bias: scales * 2^-7", "scales rounded to bf16"; empty: the identity
  std::function<std::uint16_t(std::uint16_t)> of = {};
  std::string undo = {};
};

/// What may have become of scales of that type: the identity, other bits of the same number, another type's rounding,
/// and gains and limits that the largest and smallest values of `got` and `want` suggest.
std::vector<ScaleFunction> scale_functions(const Grid<std::uint16_t>& got, const Grid<std::uint16_t>& want,
                                           DType dtype);

}  // namespace w4::cases::packed
