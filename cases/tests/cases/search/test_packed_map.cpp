// SPDX-License-Identifier: Apache-2.0
#include "cases/search/packed_map.h"
#include "cases/tests/cases/ask.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace {

using namespace w4;
using namespace w4::cases;

/// The statements about tensors that were made with `change` applied after a stage.
template <class Change>
std::string said_behind(StageId changed, Change change, const char* command = "b 128 --m 1") {
  const fixtures::Layer layer = prepare(test::options_of(command).request).layer;
  repack::Weights value = repack::weights_of(layer);
  for (const repack::Stage& stage : repack::stages()) {
    value = stage.variants[0].apply(value);
    if (stage.id == changed) change(value);
  }
  std::string text;
  for (const std::string& line : search::packed_statements(repack::packed_of(value), repack::repack(layer)))
    text += line + "\n";
  return text;
}

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

/// A matrix of codes whose (k, n) is the code at from(k, n).
template <class From>
Grid<std::uint8_t> moved(const Grid<std::uint8_t>& codes, From from) {
  return Grid<std::uint8_t>::made(codes.rows(), codes.cols(), [&](std::span<std::uint8_t> out) {
    for (int k = 0; k < codes.rows(); ++k)
      for (int n = 0; n < codes.cols(); ++n) {
        const auto [row, col] = from(k, n);
        out[static_cast<std::size_t>(k) * codes.cols() + n] = codes(row, col);
      }
  });
}

}  // namespace

TEST_CASE("packed map: a permutation inside tiles is written as a formula with act-order too") {
  const auto swap = [](repack::Weights& w) {
    w.codes = moved(w.codes, [](int k, int n) { return std::pair(k ^ (n & 1), n ^ 32); });
  };
  for (const char* command : {"b 128 --m 1", "b 128 --fixture up_asym_act --m 1"}) {
    CAPTURE(command);
    const std::string said = said_behind(StageId::act_order, swap, command);
    CHECK(has(said, "576 of 576 tiles hold the same codes as ours"));
    CHECK(has(said, "n5 = n5 ^ 1, k0 = n0 ^ k0"));
  }
}

TEST_CASE("packed map: whole tiles that stand elsewhere are told from codes that move inside them") {
  const std::string said = said_behind(StageId::act_order, [](repack::Weights& w) {
    w.codes = moved(w.codes, [](int k, int n) { return std::pair(k ^ 16, n); });
  });
  CHECK(has(said, "tiles hold the same codes as ours"));
  CHECK_FALSE(has(said, "576 of 576"));
  CHECK(has(said, "whole tiles are in other places, in stage tiles at the latest: inside 2 x 1"));
}

TEST_CASE("packed map: a function of the code is said as a table") {
  const std::string said = said_behind(StageId::act_order, [](repack::Weights& w) {
    w.codes = Grid<std::uint8_t>::made(w.codes.rows(), w.codes.cols(), [&](std::span<std::uint8_t> out) {
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(15 - w.codes[i]);
    });
  });
  CHECK(has(said, "every code is the same function of ours"));
  CHECK(has(said, "0 is 15, 1 is 14"));
}

TEST_CASE("packed map: columns of scales and of zero points are permuted by a formula") {
  const std::string said = said_behind(
      StageId::scales,
      [](repack::Weights& w) {
        w.scales = Grid<std::uint16_t>::made(w.scales.rows(), w.scales.cols(), [&](std::span<std::uint16_t> out) {
          for (std::size_t i = 0; i < out.size(); ++i) out[i] = w.scales[i ^ 5];
        });
      },
      "b 128 --fixture up_asym_act --m 1");
  CHECK(has(said, "scales are ours with columns permuted inside 64"));
  CHECK(has(said, "n0 = n0 ^ 1, n2 = n2 ^ 1"));
  CHECK_FALSE(has(said, "zero points"));
  CHECK_FALSE(has(said, "tiles"));
}

TEST_CASE("packed map: what is no permutation is told by where it differs") {
  const auto other = [](repack::Weights& w) {
    w.codes = Grid<std::uint8_t>::made(w.codes.rows(), w.codes.cols(), [&](std::span<std::uint8_t> out) {
      std::copy(w.codes.cells().begin(), w.codes.cells().end(), out.begin());
      out[static_cast<std::size_t>(5) * w.codes.cols() + 70] ^= 1;
    });
    w.scales = Grid<std::uint16_t>::made(w.scales.rows(), w.scales.cols(), [&](std::span<std::uint16_t> out) {
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<std::uint16_t>(w.scales[i] + (i % 8 == 3 ? 0x400 : 0));  // twice as large
    });
  };
  const std::string said = said_behind(StageId::scales, other);
  CHECK(has(said, "codes differ from ours at k 5, n 70"));
  CHECK(has(said, "scales differ from ours at all g, n % 8 = 3"));
}

TEST_CASE("packed map: equal tensors leave nothing to say and a perm that is none is said") {
  CHECK(said_behind(StageId::act_order, [](repack::Weights&) {}).empty());
  const fixtures::Layer layer = prepare(test::options_of("b 128 --fixture up_asym_act --m 1").request).layer;
  repack::Packed packed = repack::repack(layer);
  packed.perm = Grid<std::int32_t>::made(1, packed.perm.cols(),
                                         [](std::span<std::int32_t> out) { std::fill(out.begin(), out.end(), 3); });
  CHECK(search::packed_statements(packed, repack::repack(layer)).at(0) == "perm is no permutation of the rows of K");
}
