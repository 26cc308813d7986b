// SPDX-License-Identifier: Apache-2.0
#include "fixtures/half.h"
#include "kernel/lane_model/bit_trick.h"
#include "kernel/lane_model/dequant.h"
#include "kernel/lane_model/multiply.h"
#include "kernel/lane_model/rounding.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

namespace {

using namespace w4;
using namespace w4::kernel;

bool same(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

/// Floats of every exponent and both signs, and the ties between neighbours of either 16-bit type.
template <class Check>
long long count_wrong(const Check& right) {
  std::mt19937 engine(5);
  long long wrong = 0;
  for (int i = 0; i < 2'000'000; ++i) {
    std::uint32_t bits = engine();
    if (i % 4 == 1) bits &= ~0xFFFu;   // ties of fp16, and exact values
    if (i % 4 == 2) bits &= ~0x7FFFu;  // ties of bf16
    const float value = std::bit_cast<float>(bits);
    if (!std::isnan(value)) wrong += !right(value);
  }
  return wrong;
}

}  // namespace

TEST_CASE("rounding: every fp16 value is loaded as it is and stored as it was") {
  long long wrong = 0;
  for (unsigned i = 0; i < 65536; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const float value = value_of(bits, DType::fp16);
    if (std::isnan(value)) {
      wrong += !std::isnan(lane_model::fp16_value(bits)) ||
               lane_model::stored_bits(lane_model::fp16_value(bits), DType::fp16) != lane_model::kCanonicalNan;
    } else {
      wrong += !same(lane_model::fp16_value(bits), value) || lane_model::stored_bits(value, DType::fp16) != bits;
      wrong += !same(lane_model::round_to_fp16(value), value);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("rounding: floats become the nearest fp16 with ties to even") {
  CHECK(count_wrong([](float v) {
          return lane_model::stored_bits(v, DType::fp16) == bits_of(v, DType::fp16) &&
                 same(lane_model::round_to_fp16(v), value_of(bits_of(v, DType::fp16), DType::fp16));
        }) == 0);
  static_assert(lane_model::round_to_fp16(65519.0f) == 65504.0f);
  static_assert(lane_model::stored_bits(65520.0f, DType::fp16) == 0x7C00);
}

TEST_CASE("rounding: floats become the nearest bf16 with ties to even") {
  CHECK(count_wrong([](float v) {
          return lane_model::stored_bits(v, DType::bf16) == bits_of(v, DType::bf16) &&
                 same(lane_model::round_to_bf16(v), value_of(bits_of(v, DType::bf16), DType::bf16));
        }) == 0);
}

TEST_CASE("rounding: a NaN is stored as the one that no fill and no guard is") {
  const float nan = value_of(repack::kGuardScale, DType::fp16);
  for (const DType type : {DType::fp16, DType::bf16})
    CHECK(lane_model::stored_bits(nan, type) == lane_model::kCanonicalNan);
  CHECK(lane_model::kCanonicalNan != Launch{}.fill);
  CHECK(lane_model::kCanonicalNan != repack::kGuardScale);
}

TEST_CASE("dequant: the bit trick yields code minus zero for all codes in either nibble and type") {
  for (int code = 0; code < 16; ++code) {
    CHECK(value_of(lane_model::low_nibble_bits(code, DType::fp16), DType::fp16) == 1024.0f + static_cast<float>(code));
    CHECK(value_of(lane_model::high_nibble_bits(code), DType::fp16) == 1024.0f + 16.0f * static_cast<float>(code));
    CHECK(value_of(lane_model::low_nibble_bits(code, DType::bf16), DType::bf16) == 128.0f + static_cast<float>(code));
    for (int zero = 0; zero < 16; ++zero)
      for (const DType type : {DType::fp16, DType::bf16})
        for (const bool high : {false, true}) CHECK(lane_model::code_less_zero(code, zero, high, type) == code - zero);
  }
}

TEST_CASE("dequant: a lane scales a column by the place where it reads that column") {
  lane_model::StagedScales staged;
  staged.symmetric = false;
  for (int p = 0; p < 64; ++p) staged.scales[p] = bits_of(static_cast<float>(p + 1), DType::fp16);
  for (int c = 0; c < 8; ++c)
    for (int i = 0; i < 8; ++i)  // zero point of place 8c + that[i] in slot i: place p has zero point p / 8 + p % 8
      staged.zeros[c] |= static_cast<std::uint32_t>(c + lop3_column(i)) << (4 * i);
  const lane_model::CodeValues values =
      lane_model::code_values(staged, DType::fp16, lane_model::DequantWay::reference, 1);
  std::vector<std::uint32_t> words(128, 0x99999999u);  // every code 9
  lane_model::WarpB b;
  lane_model::dequant(words.data(), values, b);
  long long wrong = 0;
  for (int k = 0; k < 16; ++k)
    for (int n = 0; n < 64; ++n) {
      const int p = 8 * (n % 8) + n / 8;
      wrong += b.at[k][n] != static_cast<float>((9 - (p / 8 + p % 8)) * (p + 1));
    }
  CHECK(wrong == 0);
}

TEST_CASE("dequant: a scaled weight is rounded once to 16 bits") {
  lane_model::StagedScales staged;
  for (int p = 0; p < 64; ++p) staged.scales[p] = static_cast<std::uint16_t>(0x1234 + 77 * p);
  for (const DType type : {DType::fp16, DType::bf16}) {
    const lane_model::CodeValues values = lane_model::code_values(staged, type, lane_model::DequantWay::reference, 1);
    long long wrong = 0;
    for (int p = 0; p < 64; ++p)
      for (int code = 0; code < 16; ++code) {
        const float product = static_cast<float>(code - 8) * value_of(staged.scales[p], type);
        wrong += values.at[p][code] != value_of(bits_of(product, type), type);
      }
    CHECK(wrong == 0);
  }
}

TEST_CASE("multiply: an accumulator is one chain of fp32 additions from low k to high") {
  lane_model::WarpB b;
  float a[16], sums[64], want[64];
  std::mt19937 engine(11);
  const auto draw = [&] { return static_cast<float>(engine() % 2048) * 0x1p-9f - 2.0f; };
  for (float& x : a) x = draw();
  for (auto& row : b.at)
    for (float& x : row) x = draw();
  for (int n = 0; n < 64; ++n) want[n] = sums[n] = draw();
  lane_model::multiply(a, 1, b, sums, lane_model::MultiplyWay::reference, DType::fp16);
  for (int n = 0; n < 64; ++n) {
    for (int k = 0; k < 16; ++k) want[n] += a[k] * b.at[k][n];
    CHECK(same(sums[n], want[n]));
  }
}
