// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/class_variance.h"

#include <cmath>

namespace w4::cases::judge {

double ElementTerms::norm(const RoundingClass& c) const {
  if (c.weights != WeightRounding::folded) return std::sqrt(square_);
  return std::sqrt(square_) + std::sqrt(rounded_products()) + std::abs(codes_sum()) + std::abs(terms_.zero_sum[i_]);
}

Expected under(const Expected& expected, const RoundingClass& rounding) {
  Expected out = expected;
  out.rounding = rounding;
  out.slices = 1;
  if (rounding.sums == SumRounding::any_cuts) out.slices += rounding.count;
  if (rounding.sums == SumRounding::known_cuts) out.slices += expected.terms->most_cuts;
  out.shared.resize(expected.y.size());
  for (std::size_t i = 0; i < expected.y.size(); ++i) {
    const ElementTerms terms(expected, i);
    out.variance[i] = terms.variance(rounding);
    out.shared[i] = terms.of_stored(rounding.weights);
    out.norm[i] = terms.norm(rounding);
  }
  return out;
}

}  // namespace w4::cases::judge
