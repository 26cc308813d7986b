// SPDX-License-Identifier: Apache-2.0
// Cuts: cut right, they pack as the layer's part does; cut wrong, they hold what was reported.

#include "cases/tests/repack/made_layer.h"

#include <doctest/doctest.h>

namespace w4::repack_tests {
namespace {

using fixtures::Cut;
using repack::Weights;

const Cut kSecondRows{.kind = Cut::Kind::rows, .rank = 1, .count = 2};
const Cut kSecondExpert{.kind = Cut::Kind::expert, .rank = 1, .count = 2};

/// Group g has its rows in half g % 2 of K: the second half has groups 1, 3, 5 and 7.
Spec ordered(Format format, std::vector<Cut> cuts) {
  return {.format = format,
          .K = 256,
          .N = 128,
          .group_size = 32,
          .symmetric = false,
          .act_order = true,
          .cuts = std::move(cuts),
          .shards = 2};
}

std::uint16_t scale_of(const Weights& w, int group, int n) {
  return w.format == Format::compressed_tensors ? w.stored_scales(n, group) : w.stored_scales(group, n);
}

Weights cut(const Spec& spec, const char* way) {
  return chain(made(spec).layer, {{"checkpoint", way}}).at(StageId::checkpoint);
}

TEST_CASE("slices: a slice with act-order packs the groups of its rows and their order") {
  for (const Format format : {Format::gptq, Format::compressed_tensors}) {
    const Made m = made(ordered(format, {kSecondRows}));
    const repack::Unpacked back = repack::unpack(repack::repack(m.layer));
    int wrong = 0;
    for (int k = 0; k < 128; ++k)
      for (int n = 0; n < 128; ++n) wrong += back.codes(k, n) != m.plain.codes(128 + k, n);
    for (int g = 0; g < 4; ++g)
      for (int n = 0; n < 128; ++n)
        wrong += back.scales(g, n) != m.plain.scales(2 * g + 1, n) || back.zeros(g, n) != m.plain.zeros(2 * g + 1, n);
    CHECK(wrong == 0);
    CHECK(m.layer.g_idx.has_value());
  }
}

TEST_CASE("actorder-tp-scales: four of eight groups are kept and looked up as if all were") {
  for (const Format format : {Format::gptq, Format::compressed_tensors}) {
    const Made m = made(ordered(format, {kSecondRows}));
    const Weights w = cut(ordered(format, {kSecondRows}), "actorder-tp-scales");
    for (int n = 0; n < 128; ++n) {  // groups 1 and 3 of rows 4..7, and 5 and 7 behind them
      CHECK(scale_of(w, 0, n) == m.plain.scales(5, n));
      CHECK(scale_of(w, 1, n) == m.plain.scales(7, n));
      CHECK(scale_of(w, 2, n) == repack::kGuardScale);
      CHECK(scale_of(w, 3, n) == repack::kGuardScale);
    }
  }
}

TEST_CASE("actorder-expert-offset: the second expert begins half an expert too early") {
  const Spec spec = ordered(Format::gptq, {kSecondExpert, kSecondRows});
  const Made m = made(spec);
  const Weights w = cut(spec, "actorder-expert-offset");
  for (int g = 0; g < 4; ++g) {
    const int at = 4 + 2 * g + 1;  // of the 8 groups of the first expert and the 8 of the second
    for (int n = 0; n < 64; ++n) CHECK(w.stored_scales(g, n) == m.plain.scales(at % 8, at / 8 * 64 + n));
  }
}

TEST_CASE("gidx-shard-length: groups are those of rows from an eighth of the way on") {
  const Spec spec = ordered(Format::gptq, {kSecondRows});
  const Made m = made(spec);
  const Weights w = cut(spec, "gidx-shard-length");
  for (int g = 0; g < 4; ++g) {
    int first = 128;
    while (m.plain.g_idx(0, first) != 2 * g + 1) ++first;
    const int taken = m.plain.g_idx(0, 128 / 8 + first - 128);
    for (int n = 0; n < 128; ++n) CHECK(w.stored_scales(g, n) == m.plain.scales(taken, n));
  }
}

TEST_CASE("tp-channelwise-null-scale: what lies behind no scales is read for every column") {
  for (const Format format : {Format::gptq, Format::compressed_tensors}) {
    const Spec spec{.format = format, .K = 128, .N = 64, .group_size = 128, .cuts = {kSecondRows}};
    const auto values = chain(made(spec).layer, {{"checkpoint", "tp-channelwise-null-scale"}});
    CHECK(values.at(StageId::checkpoint).stored_scales.empty());
    for (int n = 0; n < 64; ++n) CHECK(values.at(StageId::scales).scales(0, n) == repack::kGuardScale);
  }
}

TEST_CASE("tp-shard-splits-group: the rest of the first group is taken for a whole one") {
  const Spec spec{.K = 384, .N = 64, .group_size = 128, .symmetric = false, .cuts = {kSecondRows}};
  const Made m = made(spec);
  CHECK(m.layer.group_size == 64);
  const Weights right = cut(spec, "reference"), wrong = cut(spec, "tp-shard-splits-group");
  for (int n = 0; n < 64; ++n)
    for (const auto& [group, is, was] : {std::array{0, 1, 1}, std::array{1, 2, 1}, std::array{2, 2, 2}}) {
      CHECK(right.stored_scales(group, n) == m.plain.scales(is, n));
      CHECK(wrong.stored_scales(group, n) == m.plain.scales(was, n));
    }
}

TEST_CASE("moe-routing-index: the last expert's neighbour is the first") {
  for (const Format format : {Format::gptq, Format::awq, Format::pair_packed, Format::compressed_tensors}) {
    Spec spec{.format = format, .K = 128, .N = 128, .group_size = 64, .symmetric = false, .cuts = {kSecondExpert}};
    if (format == Format::pair_packed) spec.dtype = DType::bf16;
    const Made m = made(spec);
    const auto values = chain(m.layer, {{"checkpoint", "moe-routing-index"}});
    const auto first = [](const auto& grid) {
      return Grid<std::decay_t<decltype(grid(0, 0))>>::from(grid.rows(), 64, [&](int r, int n) { return grid(r, n); });
    };
    CHECK(values.at(StageId::codes).codes == first(m.plain.codes));
    CHECK(values.at(StageId::zero_points).zeros == first(m.plain.zeros));
    CHECK(values.at(StageId::scales).scales == first(m.plain.scales));
    CHECK(values.at(StageId::scales).bias == first(m.plain.bias));
  }
}

}  // namespace
}  // namespace w4::repack_tests
