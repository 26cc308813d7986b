// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/rounding_fit.h"

#include "cases/judge/compare.h"
#include "fixtures/half.h"

#include <algorithm>
#include <cmath>

namespace w4::cases::probe {
namespace {

/// What the oracle would allow round another centre: both outputs round, and a larger output rounds more.
judge::Expected around(const Grid<std::uint16_t>& center, const judge::Expected& right) {
  double squared = 0, squared_right = 0;
  judge::Expected out = right;
  for (std::size_t i = 0; i < out.y.size(); ++i) {
    const double value = value_of(center[i], right.dtype);
    out.y[i] = value;
    squared += std::isfinite(value) ? value * value : 0;
    squared_right += right.y[i] * right.y[i];
  }
  const double growth = std::max(1.0, squared_right > 0 ? squared / squared_right : 1.0);
  for (std::size_t i = 0; i < out.y.size(); ++i)
    out.variance[i] = 2 * (right.variance[i] * growth + out.y[i] * out.y[i]);
  return out;
}

}  // namespace

bool near(const Grid<std::uint16_t>& seen, const Grid<std::uint16_t>& predicted, const judge::Expected& right,
          std::uint16_t fill, Unwritten unwritten) {
  const judge::Expected allowed = around(predicted, right);
  const double unit = allowed.dtype == DType::bf16 ? 0x1p-8 : 0x1p-11;
  std::size_t telling = 0;  // elements whose prediction could have failed
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const double got = value_of(seen[i], allowed.dtype);
    telling += predicted[i] == fill || std::isfinite(allowed.y[i]);
    if (unwritten == Unwritten::keeps_fill && (seen[i] == fill) != (predicted[i] == fill)) return false;
    if (predicted[i] == fill) {
      if (unwritten == Unwritten::reads_as_zero && got != 0) return false;
    } else if (!std::isfinite(allowed.y[i])) {
      if (std::isfinite(got)) return false;
    } else {
      const double limit = judge::kMaxZ * 0.425 * unit * std::sqrt(allowed.variance[i]) +
                           0x1p-23 * allowed.K / 16 * allowed.norm[i] + 0x1p-24;
      if (!(std::abs(got - allowed.y[i]) <= limit)) return false;
    }
  }
  return telling > 0;
}

bool nearer(const Grid<std::uint16_t>& seen, const Grid<std::uint16_t>& predicted, const judge::Expected& right,
            std::uint16_t fill) {
  constexpr double kHalfAsFar = 0.5;
  double squared = 0, squared_of_wrong = 0;              // distance to the prediction, over all elements and wrong ones
  double squared_right = 0, squared_right_of_wrong = 0;  // to the right output
  bool any_wrong = false;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const double got = value_of(seen[i], right.dtype), made = value_of(predicted[i], right.dtype);
    const int m = static_cast<int>(i) / right.N, n = static_cast<int>(i) % right.N;
    const bool written = seen[i] != fill && predicted[i] != fill;
    const bool wrong = !judge::element_error(got, right, m, n).right();
    any_wrong = any_wrong || wrong;
    if (!written || !std::isfinite(got) || !std::isfinite(made)) continue;
    const double to_made = (got - made) * (got - made), to_right = (got - right.y[i]) * (got - right.y[i]);
    squared += to_made;
    squared_right += to_right;
    if (!wrong) continue;
    squared_of_wrong += to_made;
    squared_right_of_wrong += to_right;
  }
  if (any_wrong) return squared_of_wrong <= kHalfAsFar * kHalfAsFar * squared_right_of_wrong;
  return squared <= kHalfAsFar * kHalfAsFar * squared_right;  // no element by itself: all together are
}

}  // namespace w4::cases::probe
