// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/output_checks.h"

#include <array>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace w4::cases::probe {

/// Weights that a box effectively uses, (rows read, N), row-major: each output of a row of the identity is one of them.
/// NaN where it was not written, or an output does not show it.
struct Effective {
  int rows = 0;
  int N = 0;
  std::vector<float> weights;
  float at(int r, int n) const { return weights[static_cast<std::size_t>(r) * N + n]; }
};

/// source[i] is the index of the value that a box uses at place i (row-major); -1: it could not be read.
struct SourceMap {
  int rows = 0;
  int cols = 0;
  std::vector<int> source;
};

/// What each of 16 codes, or zero points, is worth where all weights that were read agree; scales 1.
using Table = std::array<float, 16>;

/// All that is read out of a box. Codes, scales and zero points carry the digits of their own index; every digit is a
/// reading of W_eff. A launch has the rows of A of the case, so a reading of K rows takes K / M launches: where that is
/// too long, some rows of K stand for all.
struct Readings {
  OutputChecks outputs;
  std::vector<int> ks;               // the rows of K that were read, rising: row r of everything below
  Effective weights;                 // of the layer as it is
  Effective at_0, at_15;             // codes of 0 and of 15 everywhere, scales 1, zero points 8: right are -8 and 7
  SourceMap codes;                   // index k * N + n of the code that this weight uses
  SourceMap scales;                  // index g * N + n of its scale
  SourceMap zero_points;             // index g * N + n of its zero point; empty for a symmetric layer
  std::optional<Table> code_values;  // right is code - 8; none: not read, or not alike everywhere
  std::optional<Table> zero_values;  // with codes of 8: right is 8 - zero point
  std::vector<std::pair<float, float>> scale_values;  // a scale everywhere, and what it is used as
  int K = 0;
  std::vector<int> rows_of_A;  // that show weights: row r of K was read in rows_of_A[r % size]
  int launches = 0;
  bool lost = false;  // a launch did not end well: nothing was read after it

  bool whole() const { return static_cast<int>(ks.size()) == K; }
  int row_of_A(std::size_t r) const { return rows_of_A[r % rows_of_A.size()]; }
};

/// Reads a box by rows of the identity, for about `seconds`; 0: all of K, however long it takes. Throws CannotTest when
/// the box refuses a question. Where no output row shows weights, nothing but `outputs` is read.
Readings read_box(const Prepared& prepared, Box& box, const kernel::Launch& launch, double seconds,
                  const std::function<void(std::string_view)>& step);

/// The stored group of each row of K.
std::vector<int> groups_of(const fixtures::Layer& layer);

}  // namespace w4::cases::probe
