// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/compare.h"

#include "fixtures/error.h"
#include "fixtures/half.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace w4;
using namespace w4::cases;

namespace {

constexpr std::uint16_t kTileFill = 0x7E37;

/// A right output of 4 x 64 with values about 1, as rounding leaves it.
struct RightTile {
  judge::Expected expected{.M = 4, .N = 64, .K = 128, .y = {}, .norm = {}, .variance = {}};
  std::vector<std::uint16_t> bits;

  RightTile() {
    for (int i = 0; i < 256; ++i) {
      const double y = (i % 2 == 0 ? 1.0 : -1.0) * (1.0 + 0.37 * (i % 7) + 0.001 * i);
      expected.y.push_back(y);
      expected.norm.push_back(1.0);
      expected.variance.push_back(y * y);
      bits.push_back(bits_of(static_cast<float>(y), DType::fp16));
    }
  }
  judge::Comparison compared() const { return judge::compare(Grid<std::uint16_t>(4, 64, bits), expected, kTileFill); }
  void scale(float factor) {
    for (std::size_t i = 0; i < bits.size(); ++i)
      bits[i] = bits_of(static_cast<float>(expected.y[i]) * factor, DType::fp16);
  }
};

}  // namespace

TEST_CASE("compare: an output that is only rounded is right") {
  const judge::Comparison c = RightTile().compared();
  CHECK_MESSAGE(c.right(), c.failed_gate);
  CHECK(c.max_z < judge::kWarnZ);
  CHECK(c.unwritten == 0);
}

TEST_CASE("compare: one NaN or inf or unwritten element or wrong element fails and is counted as what it is") {
  RightTile nan, inf, unwritten, zero, wrong;
  nan.bits[70] = 0x7E00;
  inf.bits[70] = 0x7C00;
  unwritten.bits[70] = kTileFill;
  zero.bits[70] = 0;
  wrong.bits[70] = bits_of(value_of(wrong.bits[70], DType::fp16) * 1.01F, DType::fp16);
  CHECK(nan.compared().nan == 1);
  CHECK(nan.compared().failed_gate == "1 NaN and 0 inf among 256 outputs");
  CHECK(inf.compared().inf == 1);
  CHECK_FALSE(inf.compared().right());
  CHECK(unwritten.compared().unwritten == 1);
  CHECK(unwritten.compared().failed_gate == "1 of 256 outputs were never written");
  CHECK(zero.compared().zero == 1);
  CHECK_FALSE(zero.compared().right());
  const judge::Comparison c = wrong.compared();
  CHECK_FALSE(c.right());
  CHECK(c.wrong == 1);
  CHECK(c.first_m == 1);
  CHECK(c.first_n == 6);
}

TEST_CASE("compare: a gain of half a unit roundoff fails though every element is within its bound") {
  RightTile all, row, column;
  all.scale(1 + 0x1p-11F);
  CHECK_FALSE(all.compared().right());
  CHECK(all.compared().wrong == 0);
}

TEST_CASE(
    "compare: a gain that one column shares is the rounding of its weights and passes only where they are rounded") {
  RightTile shared;
  for (std::size_t i = 10; i < shared.bits.size(); i += 64) {
    shared.bits[i] = bits_of(static_cast<float>(shared.expected.y[i]) * (1 + 7 * 0x1p-11F), DType::fp16);
    shared.expected.norm[i] = 3 * std::abs(shared.expected.y[i]);
    shared.expected.variance[i] += shared.expected.norm[i] * shared.expected.norm[i];
  }
  CHECK(shared.compared().failed_gate.find("gain of column n = 10") == 0);
  shared.expected.weights_rounded = true;
  CHECK_MESSAGE(shared.compared().right(), shared.compared().failed_gate);
}

TEST_CASE("compare: one small output among large products may err as its accumulation does") {
  RightTile small;  // K = 8192: what accumulation may leave is 2^-14 of the norm
  small.expected.K = 8192;
  small.expected.N = 256;
  small.expected.M = 1;
  small.expected.norm[70] = 1000;
  const auto one_row = [&] {
    return judge::compare(Grid<std::uint16_t>(1, 256, small.bits), small.expected, kTileFill);
  };
  small.bits[70] = bits_of(static_cast<float>(small.expected.y[70]) + 0.05F, DType::fp16);
  CHECK_MESSAGE(one_row().right(), one_row().failed_gate);
  small.bits[70] = bits_of(static_cast<float>(small.expected.y[70]) + 0.2F, DType::fp16);
  CHECK_FALSE(one_row().right());
}

TEST_CASE("compare: errors that are all as large as the bound allows fail the rms gate") {
  RightTile loud;
  for (std::size_t i = 0; i < loud.bits.size(); ++i)
    loud.bits[i] = static_cast<std::uint16_t>(loud.bits[i] + (i % 4 < 2 ? 1 : -1));
  const judge::Comparison c = loud.compared();
  CHECK(c.wrong == 0);
  CHECK(c.failed_gate.find("rms z") == 0);
}

TEST_CASE("compare: where nothing may round nothing may differ") {
  RightTile exact;
  for (double& variance : exact.expected.variance) variance = 0;
  for (double& norm : exact.expected.norm) norm = 0;
  for (std::size_t i = 0; i < exact.bits.size(); ++i) exact.expected.y[i] = value_of(exact.bits[i], DType::fp16);
  CHECK(exact.compared().right());
  exact.bits[3] = static_cast<std::uint16_t>(exact.bits[3] + 1);
  CHECK_FALSE(exact.compared().right());
}

TEST_CASE("compare: an output of another shape is refused with both shapes") {
  const RightTile right;
  CHECK_THROWS_WITH_AS(judge::compare(Grid<std::uint16_t>(2, 128, right.bits), right.expected, kTileFill),
                       "output is (2, 128) where the case has M=4 and N=64", InputError);
}
