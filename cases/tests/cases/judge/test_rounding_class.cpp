// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/class_fit.h"
#include "cases/judge/rounding_terms.h"
#include "fixtures/error.h"
#include "fixtures/half.h"
#include "fixtures/layer/encode.h"
#include "fixtures/random/random_layer.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

using namespace w4;
using namespace w4::cases;
using judge::RoundingClass;

namespace {

bool held(double number, DType dtype) {
  const auto value = static_cast<float>(number);
  return value == number && value_of(bits_of(value, dtype), dtype) == value;
}

double squared(double value) { return value * value; }

}  // namespace

TEST_CASE("rounding class: a name is read as what it names and parts left out are the exact ones") {
  for (const char* name : {"once/32/once", "unrounded/any:6/before-scale", "products/chains:16/before-bias",
                           "folded/16/once", "group-sums/32/once"})
    CHECK(judge::name_of(judge::parse_rounding(name)) == name);
  CHECK(judge::parse_rounding("products") == judge::parse_rounding("products/32/once"));
  CHECK(judge::parse_rounding("once/any:2") == judge::parse_rounding("once/any:2/once"));
  for (const char* wrong : {"", "twice", "once/64", "once/any", "once/any:0", "once/any:x", "once/32:4",
                            "once/32/never", "once/32/once/once", "once/", "/32"})
    CHECK_THROWS_WITH_AS(judge::parse_rounding(wrong), doctest::Contains("WEIGHTS/SUMS/END is expected"), InputError);
}

TEST_CASE("rounding class: words tell type and number of hand-overs") {
  CHECK(judge::text_of(judge::parse_rounding("once/any:6"), DType::fp16) ==
        "weights rounded to fp16 before the product; up to 6 partial sums rounded to 16 bits");
  CHECK(judge::text_of(judge::parse_rounding("unrounded/any:1/before-scale"), DType::bf16) ==
        "scales applied in 32 bits; up to 1 partial sum rounded to 16 bits; rounded before the scale and after it");
}

TEST_CASE("rounding class: a class is wider where a part allows more and counts where they more than double") {
  const auto wider = [](const char* now, const char* before) {
    return judge::is_wider(judge::parse_rounding(now), judge::parse_rounding(before));
  };
  CHECK(wider("products", "once"));
  CHECK(wider("unrounded/any:2", "once"));
  CHECK(wider("once/any:13", "once/any:6"));
  CHECK(wider("once/32/before-bias", "once"));
  CHECK_FALSE(wider("once/any:12", "once/any:6"));
  CHECK_FALSE(wider("once", "products"));
  CHECK_FALSE(wider("once/32/once", "once/32/before-scale"));
}

TEST_CASE("rounding terms: each is the sum of its definition in numerics.md") {
  constexpr int kK = 256, kN = 72, kM = 3;
  for (const DType dtype : {DType::fp16, DType::bf16}) {
    const auto plain = fixtures::random::random_plain({.format = fixtures::Format::gptq,
                                                       .K = kK,
                                                       .N = kN,
                                                       .group_size = 32,
                                                       .symmetric = false,
                                                       .bias = true,
                                                       .dtype = dtype,
                                                       .seed = 3});
    const fixtures::Layer layer = fixtures::encode(plain, fixtures::Format::gptq, fixtures::ZeroEncoding::plain);
    const auto A = fixtures::random::random_activations(kM, kK, dtype, 5);
    const judge::Expected expected = judge::expected_output(layer, A,
                                                            {.row_order = {},
                                                             .slice_starts = {{192, 64}},
                                                             .narrow_sums = false,
                                                             .columns = 1,
                                                             .thread_n = 128,
                                                             .classes = true});
    REQUIRE(expected.terms);
    const judge::RoundingTerms& terms = *expected.terms;
    CHECK(terms.most_cuts == 3);
    for (int m = 0; m < kM; ++m)
      for (int n = 0; n < kN; ++n) {
        double sum = 0, group = 0, block = 0, a_sum = 0;
        double known = 0, groups = 0, weights = 0, codes = 0, zeros = 0, zero_sum = 0, cuts = 0, cut_squares = 0,
               blocks = 0;
        for (int k = kK - 1; k >= 0; --k) {
          const int g = k / 32;
          const double a = value_of(A(m, k), dtype), s = value_of(plain.scales(g, n), dtype);
          const double q = plain.codes(k, n), z = plain.zeros(g, n);
          sum += a * s * (q - z), group += a * s * (q - z), block += a * s * (q - z), a_sum += a;
          if (!held(s * (q - z), dtype)) weights += squared(a * s * (q - z));
          if (!held(s * q, dtype)) codes += squared(a * s * q);
          if (k == 192 || k == 64) known += squared(sum);
          if (k % 64 == 0 && k > 0) cuts += sum / 3, cut_squares += squared(sum) / 3;
          if (k % 16 == 0) blocks += squared(std::exchange(block, 0.0));
          if (k % 32 != 0) continue;
          groups += squared(std::exchange(group, 0.0));
          zero_sum += s * z * a_sum;
          if (!held(s * z, dtype)) zeros += squared(s * z * a_sum);
          a_sum = 0;
        }
        const std::size_t i = static_cast<std::size_t>(m) * kN + n;
        const auto near = [](double value) { return doctest::Approx(value).epsilon(1e-6); };
        REQUIRE(terms.known_cuts[i] == near(known));
        REQUIRE(terms.groups[i] == near(groups));
        REQUIRE(terms.weights[i] == near(weights));
        REQUIRE(terms.codes[i] == near(codes));
        REQUIRE(terms.zeros[i] == near(zeros));
        REQUIRE(terms.zero_sum[i] == near(zero_sum));
        REQUIRE(terms.cuts_sum[i] == near(cuts));
        REQUIRE(terms.cuts_square[i] == near(cut_squares));
        REQUIRE(terms.blocks[i] == near(blocks));
      }
  }
}

TEST_CASE("rounding terms: keeping them changes nothing of what our own kernel is judged by") {
  const fixtures::Layer layer = fixtures::random::random_layer(
      {.K = 256, .N = 128, .group_size = 64, .symmetric = true, .bias = true, .seed = 9});
  const auto A = fixtures::random::random_activations(5, 256, DType::fp16, 5);
  judge::Rounding rounding{.row_order = {}, .slice_starts = {{128}}, .columns = 1, .thread_n = 128};
  const judge::Expected own = judge::expected_output(layer, A, rounding);
  rounding.classes = true;
  const judge::Expected kept = judge::expected_output(layer, A, rounding);
  CHECK(own.y == kept.y);
  CHECK(own.norm == kept.norm);
  CHECK(own.variance == kept.variance);
  CHECK(own.slices == kept.slices);
  CHECK(judge::name_of(own.rounding) == "once/16/once");
}

TEST_CASE("rounding terms: rows of A that are multiples of one another count once") {
  std::vector<double> columns;  // (K, M)
  for (int k = 0; k < 64; ++k)
    for (int m = 0; m < 4; ++m) columns.push_back((m + 1) * std::sin(1.0 + k));
  CHECK(judge::independent_rows(columns, 4, 64) == doctest::Approx(1));
  for (int k = 0; k < 64; ++k)
    for (int m = 0; m < 4; ++m) columns[static_cast<std::size_t>(k) * 4 + m] = k % 4 == m ? 1 : 0;
  CHECK(judge::independent_rows(columns, 4, 64) == doctest::Approx(4));
}
