// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/dtype.h"

#include <string>
#include <string_view>

namespace w4::cases::judge {

/// What happens to a weight on its way into the product (numerics.md has the variance of each).
enum class WeightRounding {
  unrounded,   // scaled in fp32, or after the product
  once,        // w = round(s * (q - z))
  group_sums,  // products of q - z are summed; the sum of each group is rounded, then scaled
  products,    // w = round(round(s * q) - round(s * z))
  folded,      // sum a round(s * q) - sum a round(s * z), each sum rounded before they are subtracted
};

/// Where a sum over K is rounded to 16 bits.
enum class SumRounding {
  wide,        // nowhere
  known_cuts,  // where the plan of the launch hands partial sums over
  any_cuts,    // at up to `count` hand-overs, at unknown places
  chains,      // after every product of a chain of up to `count`; chains are added in fp32
};

/// What happens to the finished sum.
enum class EndRounding {
  once,          // scale and bias in fp32, one rounding
  before_scale,  // rounded, then scaled and rounded again
  before_bias,   // scaled and rounded, then the bias is added and the sum is rounded again
};

/// One way in which a right kernel may round: a point of the lattice of the three.
struct RoundingClass {
  WeightRounding weights = WeightRounding::unrounded;
  SumRounding sums = SumRounding::wide;
  int count = 0;  // of any_cuts and chains
  EndRounding end = EndRounding::once;

  friend bool operator==(const RoundingClass&, const RoundingClass&) = default;
};

/// "once/any:6/once": what `--rounding` takes.
std::string name_of(const RoundingClass& rounding);

/// Reads name_of(); parts left out at the end are "32" and "once". Throws InputError, naming the words that there are.
RoundingClass parse_rounding(std::string_view text);

/// "weights rounded to fp16 before the product; up to 6 partial sums rounded to 16 bits"
std::string text_of(const RoundingClass& rounding, DType dtype);

/// Whether `now` allows some rounding that `before` does not. Numbers of hand-overs and lengths of chains are
/// estimates: they count when they are more than twice as large.
bool is_wider(const RoundingClass& now, const RoundingClass& before);

}  // namespace w4::cases::judge
