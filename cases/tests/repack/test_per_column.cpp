// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/repack/made_layer.h"
#include "fixtures/half.h"
#include "repack/per_column.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace w4::repack_tests {
namespace {

using repack::PerColumn;
using repack::PerColumnCost;

/// w(k, n) from the definition, row-major.
std::vector<double> weights(const fixtures::PlainLayer& p) {
  std::vector<double> w;
  for (int k = 0; k < p.codes.rows(); ++k)
    for (int n = 0; n < p.codes.cols(); ++n) {
      const int g = p.g_idx.empty() ? k / p.group_size : p.g_idx(0, k);
      w.push_back(value_of(p.scales(g, n), p.dtype) * (p.codes(k, n) - p.zeros(g, n)));
    }
  return w;
}

double nrmse(const std::vector<double>& got, const std::vector<double>& want) {
  double change = 0, whole = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    change += (got[i] - want[i]) * (got[i] - want[i]);
    whole += want[i] * want[i];
  }
  return std::sqrt(change / whole);
}

std::vector<double> times(const std::vector<double>& a, int M, const std::vector<double>& w, int K, int N) {
  std::vector<double> y(static_cast<std::size_t>(M) * N, 0);
  for (int m = 0; m < M; ++m)
    for (int k = 0; k < K; ++k)
      for (int n = 0; n < N; ++n)
        y[static_cast<std::size_t>(m) * N + n] +=
            a[static_cast<std::size_t>(m) * K + k] * w[static_cast<std::size_t>(k) * N + n];
  return y;
}

const std::vector<Spec> kSpecs = {
    {.K = 256, .N = 136, .group_size = 64},
    {.K = 256, .N = 72, .group_size = 64, .symmetric = false, .act_order = true},
    {.K = 256, .N = 72, .group_size = 64, .symmetric = false, .encoding = ZeroEncoding::plain},
    {.format = Format::awq, .K = 128, .N = 64, .group_size = 32, .symmetric = false},
    {.format = Format::compressed_tensors, .K = 128, .N = 64, .group_size = 32, .symmetric = false, .act_order = true},
    {.format = Format::pair_packed, .K = 128, .N = 64, .group_size = 32, .dtype = DType::bf16}};

TEST_CASE("per_column: averaging takes the mean scale and zero point and keeps the codes") {
  for (const Spec& spec : kSpecs) {
    CAPTURE(text_of(spec));
    const Made m = made(spec);
    const fixtures::Layer one = repack::per_column(m.layer, PerColumn::averaged);
    CHECK(one.group_size == spec.K);
    CHECK_FALSE(one.g_idx.has_value());
    const repack::Unpacked got = repack::unpack(repack::repack(one));
    CHECK(got.codes == m.plain.codes);
    const int groups = spec.K / spec.group_size;
    for (int n = 0; n < spec.N; ++n) {
      double scale = 0, zero = 0;
      for (int g = 0; g < groups; ++g) {
        scale += value_of(m.plain.scales(g, n), spec.dtype);
        zero += m.plain.zeros(g, n);
      }
      CHECK(got.scales(0, n) == bits_of(static_cast<float>(scale / groups), spec.dtype));
      if (!spec.symmetric) CHECK(got.zeros(0, n) == std::lround(zero / groups));
    }
  }
}

TEST_CASE("per_column: the cost is the normalised error of weights and outputs") {
  for (const Spec& spec : kSpecs) {
    CAPTURE(text_of(spec));
    Made m = made(spec);
    const int M = 5;
    std::vector<float> a;
    for (int i = 0; i < M * spec.K; ++i) a.push_back(static_cast<float>(hashed(3, i) % 17) - 8);
    m.layer.activations = fixtures::files::tensor_of("activations", DType::fp32, Grid<float>(M, spec.K, a));
    const std::vector<double> A(a.begin(), a.end());
    const std::vector<double> want = weights(m.plain);
    for (const PerColumn how : {PerColumn::averaged, PerColumn::requantised}) {
      PerColumnCost cost;
      const fixtures::Layer one = repack::per_column(m.layer, how, &cost);
      CHECK(one.bias.has_value());
      CHECK(one.activations.has_value());
      const std::vector<double> got = weights(decoded(one));
      CHECK(cost.weight_nrmse == doctest::Approx(nrmse(got, want)).epsilon(1e-9));
      CHECK(cost.output_nrmse ==
            doctest::Approx(nrmse(times(A, M, got, spec.K, spec.N), times(A, M, want, spec.K, spec.N))).epsilon(1e-9));
    }
  }
}

TEST_CASE("per_column: requantised codes are the nearest on a grid that spans the column") {
  for (const Spec& spec : kSpecs) {
    CAPTURE(text_of(spec));
    const Made m = made(spec);
    const fixtures::Layer one = repack::per_column(m.layer, PerColumn::requantised);
    const auto scales = fixtures::files::grid_of<std::uint16_t>(one.scales);
    const std::vector<double> want = weights(m.plain);
    const std::vector<double> got = weights(decoded(one));
    for (int n = 0; n < spec.N; ++n) {
      const double step = value_of(scales(0, n), one.dtype);
      double low = 0, high = 0, worst = 0;
      for (int k = 0; k < spec.K; ++k) {
        const double w = want[static_cast<std::size_t>(k) * spec.N + n];
        low = std::min(low, w);
        high = std::max(high, w);
        worst = std::max(worst, std::abs(got[static_cast<std::size_t>(k) * spec.N + n] - w));
      }
      const double span = spec.symmetric ? 2 * std::max(-low, high) : high - low;
      CHECK(step == doctest::Approx(span / 15).epsilon(0.01));
      CHECK(worst <= 1.01 * step);  // half a step, and as much again where zero point or scale were rounded
    }
  }
}

TEST_CASE("per_column: a layer of one group costs nothing when averaged") {
  PerColumnCost cost{.weight_nrmse = 1};
  repack::per_column(made({.K = 64, .N = 64, .group_size = 64, .symmetric = false}).layer, PerColumn::averaged, &cost);
  CHECK(cost.weight_nrmse == 0);
  CHECK(std::isnan(cost.output_nrmse));
}

TEST_CASE("per_column: a column of zeros stays one") {
  Made m = made({.K = 64, .N = 64, .group_size = 32});
  m.layer.qweight = fixtures::files::tensor_of("qweight", DType::i32,
                                               Grid<std::uint32_t>::from(8, 64, [](int, int) { return 0x88888888u; }));
  PerColumnCost cost;
  const fixtures::Layer one = repack::per_column(m.layer, PerColumn::requantised, &cost);
  CHECK(cost.weight_nrmse == 0);
  for (const double w : weights(decoded(one))) CHECK(w == 0);
}

}  // namespace
}  // namespace w4::repack_tests
