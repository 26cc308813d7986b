// SPDX-License-Identifier: Apache-2.0
#include "cases/case/prepare.h"
#include "cases/judge/compare.h"
#include "cases/recorded/residual.h"
#include "fixtures/half.h"

#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <functional>

namespace {

using namespace w4;
using cases::Prepared;

constexpr int kM = 12, kK = 256, kN = 128;

/// A right output of a random case with a bias, to which each test does one wrong thing.
struct Case {
  Prepared prepared = cases::random_case(cases::parse_case("M12_K256_N128_g64_sym_bias_fp16_r_s5"), 0);
  cases::judge::Expected expected = cases::judge::expected_output(prepared.layer, prepared.A, {});

  double bias(int n) const {
    return value_of(fixtures::files::grid_of<std::uint16_t>(*prepared.layer.bias)(0, n), DType::fp16);
  }
  /// The part of output (m, n) that rows first..end-1 of k make.
  double of_k(int m, int n, int first, int end) const {
    double sum = 0;
    for (int k = first; k < end; ++k)
      sum += value_of(prepared.A(m, k), DType::fp16) * cases::judge::expected_parts(prepared.layer, k, n).weight();
    return sum;
  }

  std::string told(const std::function<double(int m, int n, double right)>& wrong) const {
    const auto C = Grid<std::uint16_t>::from(
        kM, kN, [&](int m, int n) { return bits_of(static_cast<float>(wrong(m, n, expected.at(m, n))), DType::fp16); });
    const cases::recorded::Residual residual = cases::recorded::describe_residual(prepared, expected, C);
    return fmt::format("{}{}", residual.found ? "" : "not found: ", fmt::join(residual.lines, "; "));
  }
};

const Case& the_case() {
  static const Case made;
  return made;
}

/// The part where the text has it, otherwise the whole text, to be compared with the part.
std::string in(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos ? part : text;
}

}  // namespace

#define CHECK_HAS(text, part) CHECK(in(text, part) == (part))

TEST_CASE("residual: multiples of the bias and gains are told with their factor") {
  const Case& c = the_case();
  CHECK_HAS(c.told([&](int, int n, double y) { return y + 2 * c.bias(n); }),
            "the residual is 2 x the bias, the same in every row");
  CHECK_HAS(c.told([&](int, int n, double y) { return y - c.bias(n); }), "the residual is -1 x the bias");
  CHECK_HAS(c.told([](int, int, double y) { return 0.5 * y; }), "every output is 0.5 x the right one");
  CHECK_HAS(c.told([&](int, int n, double y) { return 2 * (y - c.bias(n)) + c.bias(n); }),
            "every output is 2 x the right product, with the bias added to it");
}

TEST_CASE("residual: what is the same in every row or column and gains of rank 1 are told") {
  const Case& c = the_case();
  CHECK_HAS(c.told([](int, int n, double y) { return y + 0.3 * (n % 7); }), "the same in every row, whatever A holds");
  CHECK_HAS(c.told([](int m, int, double y) { return y + m; }), "the same in every column: each row has from 0 to 11");
  CHECK_HAS(c.told([](int, int n, double y) { return y * (1 + 0.1 * (n % 5)); }),
            "each column has a gain, the same in every row: from 1 to 1.4");
  CHECK_HAS(c.told([](int m, int, double y) { return y * (1 + 0.1 * (m % 5)); }), "each row has a gain");
  CHECK_HAS(c.told([&](int m, int n, double y) { return (y - c.bias(n)) * (1 + m % 3) * (1 + n % 2) + c.bias(n); }),
            "the gain is of rank 1");
  CHECK_HAS(c.told([](int m, int n, double y) { return y + 0.5 * m * (n % 3); }), "the residual is of rank 1");
}

TEST_CASE("residual: rows and columns that are wrong or stand elsewhere are told") {
  const Case& c = the_case();
  CHECK_HAS(c.told([](int m, int, double y) { return m >= 8 ? 0 : y; }),
            "m 8..11, all n; there, every output is 0 x the right one");
  CHECK_HAS(c.told([](int, int n, double y) { return n % 16 == 3 ? y + 1 : y; }),
            "wrong: all m, n % 16 = 3; there, the residual is 1 everywhere");
  CHECK_HAS(c.told([&](int m, int n, double) { return c.expected.at(m, kN - 1 - n); }), "all n hold 127 - n");
  CHECK_HAS(c.told([&](int m, int n, double) { return c.expected.at(m, n ^ 9); }), "all n hold n ^ 9");
  CHECK_HAS(c.told([&](int m, int n, double) { return c.expected.at((m + 1) % kM, n); }), "all m hold (m + 1) % 12");
  CHECK_HAS(c.told([&](int m, int n, double) { return c.expected.at(m, n < 96 ? n : n - 32); }),
            "n 96..127 hold n - 32");
  CHECK_HAS(c.told([](int m, int n, double y) { return m == 3 && n == 5 ? NAN : y; }), "no finite number: m 3, n 5");
}

TEST_CASE("residual: outputs that are a function of the right ones are told") {
  const Case& c = the_case();
  CHECK_HAS(c.told([](int, int, double) { return 1.5; }), "every output is 1.5, whatever is right");
  CHECK_HAS(c.told([](int, int, double y) { return std::max(y, 0.0); }), "0 where the right one is negative");
  CHECK_HAS(c.told([](int, int, double y) { return std::abs(y); }), "the right one without its sign");
  CHECK_HAS(c.told([](int, int, double y) { return std::clamp(y, -0.5, 0.5); }), "outputs are clipped to -0.5..0.5");
  CHECK_HAS(c.told([](int, int, double y) { return std::min(y, 0.25); }), "outputs are clipped above 0.25");
  CHECK_HAS(c.told([](int m, int, double y) { return m < 4 ? std::max(y, 0.0) : y; }),
            "there, every output is 0 where");
}

TEST_CASE("residual: outputs and biases of other places are told") {
  const Case& c = the_case();
  CHECK_HAS(c.told([&](int m, int n, double) {
    const int i = m * kN + n;
    return c.expected.at(i % kM, i / kM);
  }),
            "C is written column by column: output (m, n) lies at n * 12 + m");
  CHECK_HAS(c.told([&](int m, int n, double) {
    const int i = (m * kN + n + kM * kN - 8) % (kM * kN);
    return c.expected.at(i / kN, i % kN);
  }),
            "C is shifted by 8 outputs, row by row: place i holds i - 8 of the right one");
  CHECK_HAS(c.told([&](int, int n, double y) { return y - c.bias(n) + c.bias(n ^ 4); }),
            "column n has the bias of column n ^ 4");
  CHECK_HAS(c.told([&](int, int n, double y) { return y - c.bias(n) + c.bias((n + 8) % kN); }),
            "column n has the bias of column (n + 8) % 128");
  CHECK_HAS(c.told([&](int, int n, double y) { return y - c.bias(n) + c.bias(0); }),
            "column n has the bias of column 0");
}

TEST_CASE("residual: ranges of k that are left out or counted twice are told") {
  const Case& c = the_case();
  CHECK(c.told([&](int m, int n, double y) { return y - c.of_k(m, n, 64, 128); }) ==
        "wrong: 1527 outputs within all m, all n; k 64..127 left out");
  CHECK_HAS(c.told([&](int m, int n, double y) { return y + c.of_k(m, n, 240, 256); }), "k 240..255 counted twice");
  CHECK_HAS(c.told([&](int m, int n, double y) { return y - c.of_k(m, n, 37, 38); }), "k 37 left out");
  CHECK_HAS(c.told([&](int m, int n, double y) { return n < 64 ? y - c.of_k(m, n, 0, 32) : y; }),
            "n 0..63; there, k 0..31 left out");
  CHECK_HAS(c.told([&](int m, int n, double y) { return y - c.of_k(m, n, 0, 16) + c.of_k(m, n, 100, 103); }),
            "k 0..15 left out; k 100..102 counted twice");
  CHECK_HAS(c.told([&](int m, int n, double y) { return y + 0.1 * c.of_k(m, n, 64, 192); }),
            "k 64..191 counted 1.1 times");
  CHECK_HAS(c.told([&](int m, int n, double y) {
    for (int k = 3; k < kK; k += 4) y -= c.of_k(m, n, k, k + 1);
    return y;
  }),
            "k % 4 = 3 left out");
}

TEST_CASE("residual: what is none of these is said to be none") {
  const Case& c = the_case();
  const std::string noise = c.told([](int m, int n, double y) { return y + (m * 31 + n * 17) % 23 - 11; });
  CHECK_HAS(noise, "not found: ");
  CHECK_HAS(noise, "the residual is no multiple of the bias");
}

TEST_CASE("residual: one output and one row or column of noise have no form") {
  const Case& c = the_case();
  CHECK_HAS(c.told([](int m, int n, double y) { return m == 5 && n == 40 ? 10 * y + 3 : y; }), "not found");
  CHECK_HAS(c.told([](int m, int n, double y) { return n == 40 ? y + 1 + (m * 7 + 3) % 11 : y; }), "not found");
  CHECK_HAS(c.told([](int m, int n, double y) { return m == 5 ? y + 1 + (n * 37 + 3) % 101 : y; }), "not found");
}

TEST_CASE("residual: what is no finite number is told apart from what else is wrong") {
  const Case& c = the_case();
  const std::string told = c.told([&](int m, int n, double y) { return m == 3 && n == 5 ? NAN : y + c.bias(n); });
  CHECK_HAS(told, "no finite number: m 3, n 5");
  CHECK_HAS(told, "wrong: 1535 outputs within all m, all n");
  CHECK_HAS(told, "there, the residual is 1 x the bias");
  CHECK_HAS(c.told([&](int m, int n, double y) { return m == 3   ? NAN
                                                        : n < 64 ? 2 * y
                                                                 : y; }),
            "there, every output is 2 x the right one");
  const std::string one_column = c.told([](int m, int n, double y) { return n != 5 ? y : m == 3 ? NAN : y + m; });
  CHECK(one_column == "not found: no finite number: m 3, n 5; wrong: m 1, 2, 4, 5, 6, 7, ... (10 of 12), n 5");
}

TEST_CASE("residual: a gain that is too small for any one output is told") {
  const Case& c = the_case();
  CHECK_HAS(c.told([](int, int, double y) { return 1.002 * y; }), "every output is 1.002 x the right one");
}
