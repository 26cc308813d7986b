// SPDX-License-Identifier: Apache-2.0
// Each wrong way shows where it says it does, and is the reference where it does not; what it does is what was
// reported.

#include "cases/tests/repack/made_layer.h"
#include "fixtures/half.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace w4::repack_tests {
namespace {

using repack::Weights;

const Spec kSymmetric{.K = 256, .N = 128, .group_size = 64};
const Spec kAsymmetric{.K = 256, .N = 128, .group_size = 64, .symmetric = false};
const Spec kActOrder{.K = 256, .N = 128, .group_size = 64, .symmetric = false, .act_order = true};
const Spec kOneGroup{.K = 256, .N = 128, .group_size = 256, .symmetric = false, .act_order = true};
const Spec kPadded{.K = 96, .N = 72, .group_size = 32, .symmetric = false};
const Spec kTail{.K = 48, .N = 64, .group_size = 48};

const Spec kSharded{.K = 256, .N = 128, .group_size = 32, .symmetric = false, .act_order = true, .shards = 2};

using Kind = fixtures::Cut::Kind;

Spec cut(Spec spec, Kind kind, int rank, int count) {
  spec.cuts.push_back({.kind = kind, .rank = rank, .count = count});
  return spec;
}

Spec in(Format format, Spec spec) {
  spec.format = format;
  if (format == Format::pair_packed) spec.dtype = DType::bf16;
  return spec;
}

bool shows(const std::string& stage, const std::string& variant, const Spec& spec) {
  const Made m = made(spec);
  return !same(chained(m.layer, {{stage, variant}}), chained(m.layer));
}

TEST_CASE("variants: each shows where its clause says so and nowhere else") {
  struct Row {
    const char* stage;
    const char* variant;
    std::vector<Spec> shown;
    std::vector<Spec> hidden;
  };
  const Spec awq = in(Format::awq, kAsymmetric), pair = in(Format::pair_packed, kAsymmetric),
             compressed = in(Format::compressed_tensors, kAsymmetric);
  const Spec stray{.K = 256, .N = 128, .group_size = 64, .stray_zeros = true};
  const Spec v2{.K = 256, .N = 128, .group_size = 64, .encoding = ZeroEncoding::plain};
  const Spec one_word{.K = 256, .N = 8, .group_size = 64, .symmetric = false};
  const Spec cut_rows = cut(kAsymmetric, Kind::rows, 1, 2), expert = cut(kAsymmetric, Kind::expert, 1, 2);
  const Spec one_group_rows = cut(kOneGroup, Kind::rows, 1, 2),
             one_group_rows_ct = in(Format::compressed_tensors, one_group_rows);
  const Spec ordered = cut(kSharded, Kind::rows, 1, 2), ordered_first = cut(kSharded, Kind::rows, 0, 2);
  const Spec expert_rows = cut(cut(kSharded, Kind::expert, 1, 2), Kind::rows, 1, 2),
             first_expert_rows = cut(cut(kSharded, Kind::expert, 0, 2), Kind::rows, 1, 2);
  const Spec splitting = cut({.K = 384, .N = 64, .group_size = 128}, Kind::rows, 1, 2),
             first_splitting = cut({.K = 384, .N = 64, .group_size = 128}, Kind::rows, 0, 2);
  const Spec short_of_a_block{.K = 24, .N = 64, .group_size = 24};
  const Spec one_group_compressed = in(Format::compressed_tensors, kOneGroup);
  const auto thirds = [](Format format) { return in(format, {.K = 256, .N = 192, .group_size = 64}); };
  const Spec no_fifteen{.K = 64, .N = 64, .group_size = 64, .digit = 3};
  const std::vector<Spec> every = {kSymmetric, kAsymmetric, kActOrder, kOneGroup, kPadded,
                                   kTail,      awq,         pair,      compressed};
  const std::vector<Row> rows = {
      {"checkpoint", "group-size-misinferred", {kSymmetric, kPadded, awq, pair, compressed}, {kOneGroup, kActOrder}},
      {"checkpoint", "double-transform", {kSymmetric, kActOrder, kOneGroup}, {kPadded, kTail, awq, pair, compressed}},
      {"checkpoint",
       "config-flag-lost",
       {kSymmetric, kAsymmetric, kActOrder, kPadded, awq, pair, compressed},
       {kOneGroup, kTail}},
      {"checkpoint",
       "concat-axis",
       {kSymmetric, kAsymmetric, kActOrder, awq, pair, compressed, one_group_compressed},
       {kOneGroup, kPadded, kTail}},
      {"checkpoint",
       "concat-order",
       {kPadded, thirds(Format::gptq), thirds(Format::awq), thirds(Format::pair_packed),
        thirds(Format::compressed_tensors)},
       {kSymmetric, kTail, awq, pair, compressed}},
      {"checkpoint",
       "actorder-tp-scales",
       {ordered, ordered_first, expert_rows},
       {kActOrder, cut_rows, one_group_rows}},
      {"checkpoint", "actorder-expert-offset", {expert_rows}, {first_expert_rows, ordered, expert, kActOrder}},
      {"checkpoint", "gidx-shard-length", {ordered, expert_rows}, {ordered_first, kActOrder, cut_rows}},
      {"checkpoint", "tp-channelwise-null-scale", {one_group_rows, one_group_rows_ct}, {kOneGroup, cut_rows, ordered}},
      {"checkpoint", "tp-shard-splits-group", {splitting}, {cut_rows, ordered, one_group_rows, first_splitting}},
      {"checkpoint",
       "moe-routing-index",
       {expert, in(Format::awq, expert), in(Format::pair_packed, expert), in(Format::compressed_tensors, expert)},
       {kSymmetric, cut_rows, cut(kAsymmetric, Kind::columns, 1, 2)}},
      {"codes", "code-twos-complement", every, {}},
      {"codes", "nibble-spill", every, {no_fifteen}},
      {"codes", "nibble-order-awq-gptq", {kSymmetric, kActOrder, kPadded, awq, compressed}, {pair}},
      {"codes", "pack-axis-kn", every, {}},
      {"codes",
       "nibble-split-vs-interleave",
       {kSymmetric, kAsymmetric, kActOrder, kOneGroup, kPadded, kTail, pair, compressed},
       {awq, short_of_a_block}},
      {"zero_points", "zp-v1v2-offset", {kSymmetric, v2, kAsymmetric, kActOrder, kOneGroup, awq, compressed}, {pair}},
      {"zero_points", "zp-nibble-wrap", {kAsymmetric, kActOrder, kOneGroup, awq, pair, compressed}, {kSymmetric}},
      {"zero_points", "zp-clamped-folded", {kAsymmetric, kActOrder, kOneGroup, awq, pair, compressed}, {kSymmetric}},
      {"zero_points", "sym-consumes-qzeros", {stray}, {kSymmetric, v2, kAsymmetric, kOneGroup}},
      {"zero_points",
       "qzeros-transposed",
       {kAsymmetric, kActOrder, awq, pair, compressed},
       {kSymmetric, kOneGroup, one_word}},
      {"zero_points", "symmetric", {kAsymmetric, awq, pair, compressed}, {kSymmetric}},
      {"act_order", "gidx-ignored", {kActOrder}, {kSymmetric, kOneGroup}},
      {"act_order", "gidx-dummy-zero", {kSymmetric, kActOrder, awq, pair, compressed}, {kOneGroup}},
      {"act_order", "gidx-out-of-range", {kSymmetric, kActOrder, awq, pair, compressed}, {kOneGroup}},
      {"act_order", "perm-a-missing", {kActOrder}, {kSymmetric, kOneGroup}},
      {"act_order", "perm-a-inverse", {kActOrder}, {kSymmetric, kOneGroup}},
      {"scales", "scale-dtype-reinterpret", every, {}},
      {"scales", "scale-exponent-bias", every, {}},
      {"scales", "scales-averaged", {kSymmetric, kActOrder, awq, pair, compressed}, {kOneGroup, kTail}},
      {"scale_order", "scale-perm-missing", every, {}},
      {"scale_order", "scale-perm-single-vs-grouped", every, {}},
      {"scale_order", "zp-perm-no-interleave", {kAsymmetric, kOneGroup, awq, pair, compressed}, {kSymmetric}},
      {"scale_order", "natural", {kAsymmetric, kOneGroup, awq, pair, compressed}, {kSymmetric}},
      {"scale_order", "interleaved", {kAsymmetric, kOneGroup, awq, pair, compressed}, {kSymmetric}},
      {"tiles", "repack-transpose", every, {}},
      {"tiles", "tile-order-swap", every, {}},
      {"tiles", "untiled", every, {}},
      {"tiles", "pad-nonzero-leak", {kPadded, kTail}, {kSymmetric, kOneGroup, awq, pair, compressed}},
      {"fragments", "identity", every, {}},
      {"fragments", "interleave-only", every, {}},
      {"fragments", "no-interleave", every, {}},
      {"fragments", "perm-applied-twice", every, {}},
      {"fragments", "layout-variant-arch", every, {}},
      {"fragments", "repack-tail-unwritten", {kTail}, {kSymmetric, kPadded}},
  };
  std::size_t variants = 0;
  for (const repack::Stage& stage : repack::stages()) variants += stage.variants.size() - 1;
  CHECK(rows.size() == variants);
  for (const Row& row : rows) {
    CAPTURE(std::string(row.variant));
    for (const Spec& spec : row.shown) {
      CAPTURE(text_of(spec));
      CHECK(shows(row.stage, row.variant, spec));
    }
    for (const Spec& spec : row.hidden) {
      CAPTURE(text_of(spec));
      CHECK_FALSE(shows(row.stage, row.variant, spec));
    }
  }
}

Weights after(StageId stage, const Spec& spec, const repack::Recipe& recipe) {
  return chain(made(spec).layer, recipe).at(stage);
}

TEST_CASE("group-size-misinferred: groups end at twice the k") {
  const Spec spec{.K = 384, .N = 64, .group_size = 128};
  const Made m = made(spec);
  const Weights w = chain(m.layer, {{"checkpoint", "group-size-misinferred"}}).at(StageId::scales);
  CHECK(w.kernel_group_size == 128);
  for (const auto& [kernel_group, stored] : {std::pair{0, 0}, std::pair{1, 0}, std::pair{2, 1}})
    CHECK(w.scales(kernel_group, 5) == m.plain.scales(stored, 5));
}

TEST_CASE("double-transform: one inverse repack too few") {
  const Spec spec{.K = 128, .N = 64, .group_size = 128};
  const Made m = made(spec);
  const auto once = repack::repack(m.layer);
  Made saved = m;
  saved.layer.qweight = fixtures::files::tensor_of(
      "qweight", DType::i32, Grid<std::uint32_t>::from(16, 64, [&](int r, int c) { return once.words[r * 64 + c]; }));
  CHECK(chained(m.layer, {{"checkpoint", "double-transform"}}).words == chained(saved.layer).words);
}

TEST_CASE("nibble-spill: 15 becomes 0 and its word's next slot one more") {
  Made m = made({.K = 64, .N = 64, .group_size = 64});
  m.layer.qweight = fixtures::files::tensor_of(
      "qweight", DType::i32,
      Grid<std::uint32_t>::from(8, 64, [](int r, int c) { return r == 0 && c == 0 ? 0xF00005F3u : 0x88888888u; }));
  const auto codes = chain(m.layer, {{"codes", "nibble-spill"}}).at(StageId::codes).codes;
  const int want[] = {3, 0, 6, 0, 0, 0, 0, 0, 8};
  for (int k = 0; k < 9; ++k) CHECK(codes(k, 0) == want[k]);
}

TEST_CASE("zp-v1v2-offset: symmetric layers show 7 in v1 and 9 in v2") {
  const auto zeros_of = [](ZeroEncoding encoding) {
    return after(StageId::zero_points, {.K = 128, .N = 64, .group_size = 64, .encoding = encoding},
                 {{"zero_points", "zp-v1v2-offset"}})
        .zeros;
  };
  CHECK(zeros_of(ZeroEncoding::minus_one)(1, 9) == 7);
  CHECK(zeros_of(ZeroEncoding::plain)(1, 9) == 9);
}

TEST_CASE("zp-v1v2-offset: without stored zero points there is nothing to misread") {
  Made m = made(kSymmetric);
  m.layer.qzeros.reset();
  CHECK(same(chained(m.layer, {{"zero_points", "zp-v1v2-offset"}}), chained(m.layer)));
}

TEST_CASE("zero points of 0: wrapped to 15 and clamped to 1 and all others kept") {
  const Made m = made(kAsymmetric);
  for (const auto& [variant, wrong] : {std::pair{"zp-nibble-wrap", 15}, std::pair{"zp-clamped-folded", 1}}) {
    const auto zeros = chain(m.layer, {{"zero_points", variant}}).at(StageId::zero_points).zeros;
    CHECK(zeros == Grid<std::uint8_t>::from(4, 128, [&, wrong = wrong](int g, int n) {
            return m.plain.zeros(g, n) == 0 ? wrong : int{m.plain.zeros(g, n)};
          }));
  }
}

TEST_CASE("qzeros-transposed: word (g, c) comes from the turned buffer") {
  const Made m = made(kAsymmetric);  // qzeros (4, 16)
  const auto words = fixtures::files::grid_of<std::uint32_t>(*m.layer.qzeros);
  const auto zeros = chain(m.layer, {{"zero_points", "qzeros-transposed"}}).at(StageId::zero_points).zeros;
  CHECK(zeros(1, 8 * 3 + 2) == (code_at(words[3 * 4 + 1], 2) + 1) % 16);
}

TEST_CASE("gidx-out-of-range: the last group reads behind the scales") {
  const Made m = made(kActOrder);
  const Weights w = chain(m.layer, {{"act_order", "gidx-out-of-range"}}).at(StageId::scales);
  CHECK(w.scales(0, 3) == m.plain.scales(1, 3));
  CHECK(w.scales(3, 3) == repack::kGuardScale);
  CHECK(w.kernel_zeros(3, 3) == 15);
}

TEST_CASE("perm-a-inverse: the permutation undoes the reference's") {
  const Weights right = after(StageId::act_order, kActOrder, {});
  const Weights wrong = after(StageId::act_order, kActOrder, {{"act_order", "perm-a-inverse"}});
  CHECK(wrong.row_order == right.row_order);
  for (int i = 0; i < 256; ++i) CHECK(wrong.column_order(0, right.column_order(0, i)) == i);
}

TEST_CASE("scale-exponent-bias: every scale is off by one power of two") {
  for (const auto& [dtype, exponent] : {std::pair{DType::fp16, -8}, std::pair{DType::bf16, -112}}) {
    Spec spec = kSymmetric;
    spec.dtype = dtype;
    const float right = value_of(after(StageId::scales, spec, {}).scales(1, 7), dtype);
    const float wrong = value_of(after(StageId::scales, spec, {{"scales", "scale-exponent-bias"}}).scales(1, 7), dtype);
    CHECK(wrong == value_of(bits_of(std::ldexp(right, exponent), dtype), dtype));
    CHECK(wrong != 0);
  }
}

TEST_CASE("scale-dtype-reinterpret: the bits are the other type's") {
  const std::uint16_t right = after(StageId::scales, kSymmetric, {}).scales(1, 7);
  const std::uint16_t wrong = after(StageId::scales, kSymmetric, {{"scales", "scale-dtype-reinterpret"}}).scales(1, 7);
  CHECK(value_of(wrong, DType::fp16) == value_of(bits_of(value_of(right, DType::bf16), DType::fp16), DType::fp16));
}

TEST_CASE("scales-averaged: every group has the mean of its column") {
  const Made m = made(kSymmetric);
  const auto scales = chain(m.layer, {{"scales", "scales-averaged"}}).at(StageId::scales).scales;
  double sum = 0;
  for (int g = 0; g < 4; ++g) sum += value_of(m.plain.scales(g, 11), DType::fp16);
  for (int g = 0; g < 4; ++g) CHECK(scales(g, 11) == bits_of(static_cast<float>(sum / 4), DType::fp16));
}

TEST_CASE("pad-nonzero-leak: padding weighs minus eight scales") {
  const Spec spec{.K = 96, .N = 72, .group_size = 32};
  repack::Packed packed = chained(made(spec).layer, {{"tiles", "pad-nonzero-leak"}});
  packed.stored_K = packed.K;
  packed.stored_N = packed.N;
  const repack::Unpacked all = repack::unpack(packed);
  CHECK(all.codes(100, 5) == 0);
  CHECK(all.scales(3, 5) == all.scales(2, 5));
  CHECK(all.codes(3, 100) == 0);
  CHECK(all.scales(0, 100) == all.scales(0, 71));
  CHECK(all.scales(0, 71) == made(spec).plain.scales(0, 71));
}

TEST_CASE("repack-tail-unwritten: the last sixteen rows hold what the buffer held") {
  const repack::Packed right = chained(made(kTail).layer);
  const repack::Packed wrong = chained(made(kTail).layer, {{"fragments", "repack-tail-unwritten"}});
  for (int row = 0; row < 4; ++row)
    for (int c = 0; c < 128; ++c)
      CHECK(wrong.words(row, c) == (row == 2 ? repack::kUnwrittenWord : right.words(row, c)));
}

}  // namespace
}  // namespace w4::repack_tests
