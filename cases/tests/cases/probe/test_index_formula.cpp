// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/index_formula.h"
#include "cases/probe/recovered_map.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace {

using namespace w4::cases::probe;

template <class F>
std::vector<int> sources(int count, const F& f) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(f(i));
  return all;
}

template <class F>
std::string said(int count, const F& f, int size = 0) {
  return formula_of(sources(count, f), size == 0 ? count : size, "n");
}

}  // namespace

TEST_CASE("index formula: offsets and rotations and reversals and strides are told") {
  CHECK(said(96, [](int) { return 3; }) == "3");
  CHECK(said(
            96, [](int i) { return i + 5; }, 200) == "n + 5");
  CHECK(said(96, [](int i) { return (i + 5) % 96; }) == "(n + 5) % 96");
  CHECK(said(96, [](int i) { return 95 - i; }) == "95 - n");
  CHECK(said(
            96, [](int i) { return 2 * i; }, 192) == "n * 2");
  CHECK(said(96, [](int i) { return 5 * i % 96; }) == "n * 5 % 96");
  CHECK(said(96, [](int i) { return (7 - i + 96) % 96; }) == "(7 - n) % 96");
}

TEST_CASE("index formula: moduli and quotients and transposes and bits are told") {
  CHECK(said(96, [](int i) { return i % 12; }) == "n % 12");
  CHECK(said(96, [](int i) { return i / 4; }) == "n / 4");
  CHECK(said(96, [](int i) { return i % 8 * 12 + i / 8; }) == "n % 8 * 12 + n / 8");
  CHECK(said(96, [](int i) { return std::min(i, 80); }) == "min(n, 80)");
  CHECK(said(96, [](int i) { return std::max(i, 7); }) == "max(n, 7)");
  CHECK(said(96, [](int i) { return i ^ 5; }) == "n ^ 5");
  CHECK(said(64, [](int i) { return (i & ~3) | (i & 1) << 1 | (i >> 1 & 1); }) == "bits n0 = n1, n1 = n0");
  CHECK(said(96, [](int i) { return i / 12 * 12 + (i + 5) % 12; }) == "n / 12 * 12 + (n + 5) % 12");
}

TEST_CASE("index formula: what could not be read fits and what has no formula is left out") {
  std::vector<int> some = sources(96, [](int i) { return (i + 5) % 96; });
  some[7] = some[30] = -1;
  CHECK(formula_of(some, 96, "n") == "(n + 5) % 96");
  some[40] = 0;
  CHECK(formula_of(some, 96, "n").empty());
  CHECK(formula_of(std::vector<int>(96, -1), 96, "n").empty());
}

TEST_CASE("recovered map: a wrong leading dimension and axes with a formula of their own are told") {
  constexpr int kRows = 6, kCols = 20;
  const auto text = [&](const std::vector<int>& source) {
    return text_of(recover_map(source, kRows, kCols), source, kCols, "k", "n");
  };
  CHECK(text(sources(kRows * kCols, [](int i) { return i / kCols * 18 + i % kCols; })) ==
        "place reads k * 18 + n where k * 20 + n is right");
  CHECK(text(sources(kRows * kCols, [](int i) { return i % kCols * kRows + i / kCols; })) ==
        "place reads k + n * 6 where k * 20 + n is right");
  CHECK(text(sources(kRows * kCols, [](int i) { return i / kCols * kCols + (i + 3) % kCols; })) ==
        "place uses source with n = (n + 3) % 20");
  CHECK(text(sources(kRows * kCols, [](int i) { return (kRows - 1 - i / kCols) * kCols + i % kCols; })) ==
        "place uses source with k = 5 - k");
  CHECK(text(sources(kRows * kCols, [](int i) { return i % kCols % kRows * kCols + i % kCols / kRows; })) ==
        "place reads n where n * 6 + k is right");
  constexpr int kLong = 14;  // columns lie 16 places apart and are read as if they lay 14 apart
  const std::vector<int> padded = sources(kLong * kCols, [](int i) {
    const int address = i % kCols * kLong + i / kCols;
    return address % 16 < kLong ? address % 16 * kCols + address / 16 : -1;
  });
  CHECK(text_of(recover_map(padded, kLong, kCols), padded, kCols, "k", "n") ==
        "place reads k + n * 14 where n * 16 + k is right");
}
