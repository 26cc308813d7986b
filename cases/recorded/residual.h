// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/compare.h"

#include <string>
#include <vector>

namespace w4::cases::recorded {

/// What the residual of a wrong output (C minus the right output) looks like.
struct Residual {
  std::vector<std::string> lines;  // where C is wrong, then what is found there, or what was tried
  bool found = false;              // C is right but for what `lines` say, by the limits for right outputs
};

/// Tries one form after another, first on all outputs, then on the wrong rows and columns alone: a multiple of the
/// bias, a gain, one value, clipped or without a sign, written in another order, other rows or columns of the right
/// output, the bias of other columns, ranges of k that are left out or counted twice, a constant for each column or
/// row, a gain for each, rank 1. C: (M, N), bits of the layer's type; `expected`: of prepared's A.
Residual describe_residual(const Prepared& prepared, const judge::Expected& expected, const Grid<std::uint16_t>& C);

}  // namespace w4::cases::recorded
