// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/oracle.h"
#include "cases/judge/rounding_terms.h"

#include <algorithm>
#include <cstddef>

namespace w4::cases::judge {

/// The same expectation with the variance of another class. `expected` has its terms.
Expected under(const Expected& expected, const RoundingClass& rounding);

inline double squared(double value) { return value * value; }

/// The parts of one element's variance, in units of (0.425 u)^2.
class ElementTerms {
 public:
  /// `expected` has its terms.
  ElementTerms(const Expected& expected, std::size_t i) : terms_(*expected.terms), i_(i), y_(expected.y[i]) {
    const std::size_t n = i % static_cast<std::size_t>(expected.N);
    product_ = y_ - (terms_.bias.empty() ? 0.0 : terms_.bias[n]);
    square_ = terms_.product_squares[i];
  }

  double of(WeightRounding weights) const {
    switch (weights) {
      case WeightRounding::unrounded: return 0;
      case WeightRounding::once: return terms_.weights[i_];
      case WeightRounding::group_sums: return terms_.groups[i_];
      case WeightRounding::products: return rounded_products() + terms_.weights[i_];
      default: return rounded_products() + squared(codes_sum()) + squared(terms_.zero_sum[i_]);
    }
  }
  /// The part of it that comes from what is stored, which is rounded alike for all rows of A.
  double of_stored(WeightRounding weights) const {
    if (weights == WeightRounding::group_sums) return 0;
    return weights == WeightRounding::folded ? rounded_products() : of(weights);
  }
  double of(SumRounding sums, int count) const {
    switch (sums) {
      case SumRounding::wide: return 0;
      case SumRounding::known_cuts: return terms_.known_cuts[i_];
      case SumRounding::any_cuts: return count * mean_cut();
      default: return chains(count);
    }
  }
  double of(EndRounding end) const { return squared(y_) + (end == EndRounding::once ? 0.0 : squared(product_)); }

  double variance(const RoundingClass& c) const { return of(c.weights) + of(c.sums, c.count) + of(c.end); }
  /// ||a o w||_2 and what else sums in fp32 lose: the two sums of a folded zero point may be larger than their
  /// difference.
  double norm(const RoundingClass& c) const;

 private:
  double rounded_products() const { return static_cast<double>(terms_.codes[i_]) + terms_.zeros[i_]; }
  double codes_sum() const { return product_ + terms_.zero_sum[i_]; }

  /// The mean square of a partial sum, from either end of K.
  double mean_cut() const {
    const double square = terms_.cuts_square[i_];
    return std::max(0.0, square + (squared(product_) - 2 * product_ * terms_.cuts_sum[i_]) / 2);
  }
  /// Sum over chains and their products of the sum so far, squared. `alike`: K times the covariance of two products of
  /// one chain, from sums of kBlock.
  double chains(int length) const {
    constexpr double kOthers = kBlock - 1;
    const double alike = std::max(0.0, (terms_.blocks[i_] - square_) / kOthers);
    return square_ * (length + 1) / 2 + alike * (squared(length) - 1) / 3;
  }

  const RoundingTerms& terms_;
  std::size_t i_;
  double y_, product_ = 0, square_ = 0;
};

}  // namespace w4::cases::judge
