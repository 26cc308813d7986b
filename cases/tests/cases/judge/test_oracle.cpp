// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/oracle.h"
#include "fixtures/half.h"
#include "fixtures/layer/encode.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace w4;
using namespace w4::cases;
using fixtures::Format;
using fixtures::PlainLayer;
using fixtures::ZeroEncoding;

namespace {

constexpr int kK = 64, kN = 80, kGroup = 32;

/// A layer whose every number is spelled out: codes, zero points and scales by formula, g_idx interleaved.
PlainLayer plain(bool symmetric, bool act_order, DType dtype) {
  PlainLayer layer{.name = "plain",
                   .group_size = kGroup,
                   .symmetric = symmetric,
                   .dtype = dtype,
                   .codes = {},
                   .zeros = {},
                   .scales = {},
                   .g_idx = {},
                   .bias = {}};
  const auto fill = [](int rows, int cols, auto value) {
    using T = decltype(value(0, 0));
    return Grid<T>::made(rows, cols, [&](std::span<T> out) {
      for (int r = 0; r < rows; ++r)
        for (int c = 0; c < cols; ++c) out[static_cast<std::size_t>(r) * cols + c] = value(r, c);
    });
  };
  layer.codes = fill(kK, kN, [](int k, int n) { return static_cast<std::uint8_t>((5 * k + 3 * n + k * n / 7) % 16); });
  layer.zeros =
      fill(kK / kGroup, kN, [&](int g, int n) { return static_cast<std::uint8_t>(symmetric ? 8 : (7 * g + n) % 16); });
  layer.scales = fill(kK / kGroup, kN, [&](int g, int n) {
    return bits_of(0.01F * static_cast<float>(1 + g) + 0.001F * static_cast<float>(n), dtype);
  });
  layer.bias = fill(1, kN, [&](int, int n) { return bits_of(0.5F - 0.01F * static_cast<float>(n), dtype); });
  if (act_order) layer.g_idx = fill(1, kK, [](int, int k) { return std::int32_t{k % 2}; });
  return layer;
}

double weight(const PlainLayer& layer, int k, int n) {
  const int group = layer.g_idx.empty() ? k / kGroup : layer.g_idx(0, k);
  return static_cast<double>(value_of(layer.scales(group, n), layer.dtype)) *
         (layer.codes(k, n) - layer.zeros(group, n));
}

Grid<std::uint16_t> activations(int M, DType dtype) {
  return Grid<std::uint16_t>::made(M, kK, [&](std::span<std::uint16_t> out) {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = bits_of(static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 32, dtype);
  });
}

}  // namespace

TEST_CASE("oracle: every checkpoint format gives the weights and outputs of the definition") {
  struct Way {
    Format format;
    ZeroEncoding encoding;
    bool act_order;
    DType dtype;
  };
  for (const Way& way : {Way{Format::gptq, ZeroEncoding::minus_one, false, DType::fp16},
                         Way{Format::gptq, ZeroEncoding::plain, true, DType::bf16},
                         Way{Format::awq, ZeroEncoding::plain, false, DType::fp16},
                         Way{Format::pair_packed, ZeroEncoding::plain, false, DType::bf16},
                         Way{Format::compressed_tensors, ZeroEncoding::plain, true, DType::fp16}}) {
    for (const bool symmetric : {true, false}) {
      CAPTURE(fixtures::name_of(way.format));
      CAPTURE(symmetric);
      const PlainLayer source = plain(symmetric, way.act_order, way.dtype);
      const fixtures::Layer layer = fixtures::encode(source, way.format, way.encoding);
      const auto A = activations(3, way.dtype);
      const judge::Expected expected = judge::expected_output(layer, A, {});
      const auto weights = judge::expected_weights(layer, 0, kK);
      for (int n = 0; n < kN; ++n) {
        for (int m = 0; m < 3; ++m) {
          double sum = value_of(source.bias(0, n), way.dtype), squares = 0;
          for (int k = 0; k < kK; ++k) {
            const double product = value_of(A(m, k), way.dtype) * weight(source, k, n);
            sum += product;
            squares += product * product;
          }
          REQUIRE(expected.at(m, n) == doctest::Approx(sum).epsilon(1e-13));
          REQUIRE(expected.norm[static_cast<std::size_t>(m) * kN + n] ==
                  doctest::Approx(std::sqrt(squares)).epsilon(1e-13));
        }
        for (int k = 0; k < kK; ++k) REQUIRE(weights[static_cast<std::size_t>(k) * kN + n] == weight(source, k, n));
      }
    }
  }
}

TEST_CASE("oracle: partial sums handed over in 16 bits add their squares to the variance") {
  const fixtures::Layer layer =
      fixtures::encode(plain(true, false, DType::fp16), Format::gptq, ZeroEncoding::minus_one);
  const auto A = activations(1, DType::fp16);
  const judge::Expected whole = judge::expected_output(layer, A, {});
  const judge::Expected split =
      judge::expected_output(layer, A, {.row_order = {}, .slice_starts = {{48, 16}}, .columns = 1, .thread_n = 128});
  const auto weights = judge::expected_weights(layer, 0, kK);
  for (int n = 0; n < kN; ++n) {
    double sum = 0, handed_over = 0;
    for (int k = kK - 1; k >= 0; --k) {
      sum += value_of(A(0, k), DType::fp16) * weights[static_cast<std::size_t>(k) * kN + n];
      if (k == 48 || k == 16) handed_over += sum * sum;
    }
    CHECK(split.variance[static_cast<std::size_t>(n)] - whole.variance[static_cast<std::size_t>(n)] ==
          doctest::Approx(handed_over).epsilon(1e-9));
    CHECK(split.y[static_cast<std::size_t>(n)] == doctest::Approx(whole.y[static_cast<std::size_t>(n)]));
  }
  CHECK(split.slices == 3);
}
