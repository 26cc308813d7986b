// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/probes.h"

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace w4::cases::probe {

/// What outputs do, whatever codes, scales and zero points are used: read before any weight is. The layer asked about
/// has one weight everywhere (codes 9, scales 1, zero points 8, no bias), and rows of A are multiples of one row.
struct OutputChecks {
  Grid<std::uint16_t> at_rest;    // (M, N): C for activations of zero
  float largest_at_rest = 0;      // in magnitude, of those that are finite
  std::vector<int> row_used;      // [m]: the row of A that output row m follows; -1: none
  std::vector<float> row_gain;    // [m]: what row m is multiplied by, against most rows
  std::vector<bool> off;          // (M, N): outputs that do not follow their row as most outputs of it do
  std::vector<bool> unchanged;    // (M, N): outputs off that are the same whatever A holds
  std::vector<bool> zero;         // (M, N): outputs off that are zero whatever A holds
  std::optional<float> stops_at;  // no output is larger in magnitude
  bool never_negative = false;    // negative sums are written as zero
  std::size_t uneven = 0;         // outputs that do not change their sign with A
  bool silent = false;            // every output is zero, or not finite
  int launches = 0;
  bool lost = false;  // a launch did not end well: nothing was asked after it

  /// Whether weights can be read from output (m, n).
  bool shows(int m, int n) const;
  /// Rows of which most outputs follow their own row of A, unscaled.
  std::vector<int> sound_rows() const;
};

/// Five launches of M rows, those of the case. Throws CannotTest when the box refuses them.
OutputChecks check_outputs(const Prepared& prepared, Box& box, const kernel::Launch& launch,
                           const std::function<void(std::string_view)>& step);

}  // namespace w4::cases::probe
