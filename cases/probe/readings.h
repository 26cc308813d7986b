// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/probes.h"

#include <functional>
#include <string_view>
#include <vector>

namespace w4::cases::probe {

/// Weights that a box effectively uses, (K, N), row-major: each output of a row of the identity is one of them. NaN
/// where it was not written or the box did not run.
struct Effective {
  int K = 0;
  int N = 0;
  std::vector<float> weights;
  float at(int k, int n) const { return weights[static_cast<std::size_t>(k) * N + n]; }
};

/// source[i] is the index of the value that a box uses at place i (row-major); -1: it could not be read.
struct SourceMap {
  int rows = 0;
  int cols = 0;
  std::vector<int> source;
};

/// All that is read out of a box whose answers no known fault explains. Codes, scales and zero points carry the digits
/// of their own index; every digit is a reading of W_eff.
struct Readings {
  Effective weights;      // of the layer as it is
  Effective at_0, at_15;  // codes of 0 and of 15 everywhere, scales 1, zero points 8: right are -8 and 7
  SourceMap codes;        // (K, N): index k * N + n of the code that this weight uses
  SourceMap scales;       // (K, N): index g * N + n of its scale
  SourceMap zero_points;  // (K, N): index g * N + n of its zero point; empty for a symmetric layer
  float at_rest = 0;  // the largest output of a row of zeros; it is taken off every reading, which was rounded with it
  std::size_t uneven = 0;  // outputs that a row of the identity and its negative do not give with opposite signs
  int launches = 0;
  bool lost = false;  // a launch did not end well: nothing was read after it
};

/// Reads a box. `rows`: of the identity at a time. Throws CannotTest when the box refuses a question.
Readings read_box(const Prepared& prepared, Box& box, const kernel::Launch& launch, int rows,
                  const std::function<void(std::string_view)>& step);

/// The stored group of each row of K.
std::vector<int> groups_of(const fixtures::Layer& layer);

}  // namespace w4::cases::probe
