// SPDX-License-Identifier: Apache-2.0
// fixture convert: what is claimed of each pair of formats is tried here a second time, by the oracle's weights.
#include "cases/layers/conversion_table.h"
#include "cases/layers/layer_diff.h"
#include "cases/layers/made_layer.h"
#include "cases/layers/weight_change.h"
#include "cases/tests/fixtures/scratch.h"
#include "fixtures/error.h"
#include "fixtures/files/container.h"
#include "fixtures/half.h"
#include "repack/layer_file.h"

#include <doctest/doctest.h>

#include <cmath>

namespace w4::cases::layers {
namespace {

using fixtures::Layer;
using fixtures::files::Container;

Layer layer_of(const Container& container) { return repack::layer_from(container).layer; }

std::vector<std::string> ids(const std::vector<Loss>& lost) {
  std::vector<std::string> out;
  for (const Loss& loss : lost) out.push_back(loss.id);
  return out;
}

std::string label(const Trait& trait, Target from, Target to) {
  return fmt::format("{}: {} to {}", trait.name, name_of(from), name_of(to));
}

/// A symmetric layer whose scales are all `scale`.
Layer with_scale(float scale, DType dtype) {
  MakeSpec spec{.shape = {.K = 64, .N = 64, .group_size = 64, .dtype = dtype, .seed = 3}, .pattern = Pattern::constant};
  spec.scale = scale;
  return layer_of(made_container(spec));
}

}  // namespace

TEST_CASE("conversion: docs/conversions.md is what the table prints and every identity in it was tried") {
  const std::string table = conversion_table();
  CHECK(table.find("BROKEN") == std::string::npos);
  CHECK_MESSAGE(fixtures::test::content_of(W4_SOURCE_DIR "/docs/conversions.md") == table,
                "./bisect fixture convert --table > docs/conversions.md");
}

TEST_CASE("conversion: where nothing is lost every weight is the same and the way back gives every bit") {
  int pairs = 0;
  for (const Trait& trait : traits())
    for (const Target from : kTargets)
      for (const Target to : kTargets) {
        const auto stored = layer_with(trait, from);
        if (!stored) continue;
        const Layer layer = layer_of(*stored);
        const Conversion how{.to = to, .dtype = {}};
        if (from == to || !losses(layer, how).empty()) continue;
        ++pairs;
        const Container there = converted(layer, how);
        CHECK_MESSAGE(weight_change(layer, layer_of(there)).same(), label(trait, from, to));
        const Container back = converted(layer_of(there), {.to = from, .dtype = layer.dtype});
        CHECK_MESSAGE(same_bits(*stored, back), label(trait, from, to));
      }
  CHECK(pairs > 100);
}

TEST_CASE("conversion: where something is lost the tensors cannot be had back without it") {
  for (const Trait& trait : traits())
    for (const Target from : kTargets)
      for (const Target to : kTargets) {
        const auto stored = layer_with(trait, from);
        if (!stored || from == to) continue;
        const Layer layer = layer_of(*stored);
        const std::vector<Loss> lost = losses(layer, {.to = to, .dtype = {}});
        if (lost.empty() || lost[0].id == "zero-wrap") continue;  // that one is about other readers
        const Container there = converted(layer, {.to = to, .dtype = {}});
        const Container back = converted(layer_of(there), {.to = from, .dtype = layer.dtype});
        CHECK_MESSAGE(!same_bits(*stored, back), label(trait, from, to), " ", lost[0].id);
      }
}

TEST_CASE("conversion: each loss is named for the formats that have it and no others") {
  const auto lost = [](const char* trait, Target from, Target to) {
    for (const Trait& each : traits())
      if (each.name == trait) return ids(losses(layer_of(*layer_with(each, from)), {.to = to, .dtype = {}}));
    return std::vector<std::string>{"no such trait"};
  };
  using Ids = std::vector<std::string>;
  CHECK(lost("act-order", Target::gptq_v1, Target::awq) == Ids{"act-order"});
  CHECK(lost("act-order", Target::gptq_v1, Target::pair_packed) == Ids{"act-order"});
  CHECK(lost("act-order", Target::gptq_v1, Target::compressed_tensors) == Ids{});
  CHECK(lost("act-order", Target::gptq_v1, Target::marlin) == Ids{});
  CHECK(lost("unequal groups", Target::gptq_v2, Target::marlin) == Ids{"unequal-groups"});
  CHECK(lost("zero point 0", Target::awq, Target::gptq_v1) == Ids{"zero-wrap"});
  CHECK(lost("zero point 0", Target::gptq_v1, Target::gptq_v2) == Ids{});
  CHECK(lost("fp16", Target::gptq_v1, Target::pair_packed) == Ids{"scales-rounded"});
  CHECK(lost("group 256", Target::awq, Target::marlin) == Ids{"group-size"});
  CHECK(lost("unused zeros", Target::gptq_v1, Target::awq) == Ids{"unused-zeros"});
  CHECK(lost("float zeros", Target::pair_packed, Target::gptq_v1) == Ids{"float-zeros"});
  CHECK(lost("asymmetric", Target::gptq_v1, Target::marlin) == Ids{});
}

TEST_CASE("conversion: act-order into a format without g_idx costs what rounding anew costs and no more") {
  for (const Trait& trait : traits()) {
    if (trait.name != "act-order") continue;
    const Layer layer = layer_of(*layer_with(trait, Target::gptq_v1));
    const WeightChange change = weight_change(layer, layer_of(converted(layer, {.to = Target::awq, .dtype = {}})));
    CHECK(change.differing > 0);
    CHECK(change.nrmse < 0.2);  // of 4-bit codes on a grid of their own; a wrong order of rows costs over 1
  }
}

TEST_CASE("conversion: a scale beyond fp16 is refused whatever is allowed") {
  const Layer layer = with_scale(131072, DType::bf16);
  const std::vector<Loss> lost = losses(layer, {.to = Target::gptq_v2, .dtype = DType::fp16});
  REQUIRE(lost.size() == 1);
  CHECK_FALSE(lost[0].possible);
  CHECK(lost[0].sentence == "64 of 64 scales are beyond the range of fp16");
}

TEST_CASE("conversion: scales that both types hold lose nothing and others say by how much") {
  const Conversion to_pairs{.to = Target::pair_packed, .dtype = {}};
  CHECK(losses(with_scale(0.015625F, DType::fp16), to_pairs).empty());
  const float odd = 0x1.804p-6F;  // 11 bits: fp16 holds it, bf16 does not
  const std::vector<Loss> lost = losses(with_scale(odd, DType::fp16), to_pairs);
  REQUIRE(ids(lost) == std::vector<std::string>{"scales-rounded"});
  const WeightChange change =
      weight_change(with_scale(odd, DType::fp16), layer_of(converted(with_scale(odd, DType::fp16), to_pairs)));
  CHECK(change.max == std::abs(odd - value_of(bits_of(odd, DType::bf16), DType::bf16)));  // code 9, zero point 8
}

TEST_CASE("conversion: pair-packed is bf16 and other types are refused") {
  CHECK_THROWS_WITH_AS(losses(with_scale(1, DType::fp16), {.to = Target::pair_packed, .dtype = DType::fp16}),
                       "--dtype fp16: pair-packed is bf16", InputError);
  CHECK_THROWS_AS(parse_target("gptq"), InputError);
}

TEST_CASE("conversion: the change of weights is what the definition gives") {
  const WeightChange change = weight_change(with_scale(0.5F, DType::fp16), with_scale(0.25F, DType::fp16));
  CHECK(change.differing == 64 * 64);  // codes 9, zero points 8: weights of 0.5 and of 0.25
  CHECK(change.max == 0.25);
  CHECK(change.rms == 0.25);
  CHECK(change.nrmse == 0.5);
  CHECK(change.first_a.scale == 0.5);
  CHECK(change.first_b.weight() == 0.25);
}

TEST_CASE("made: a ramp is its formula and a constant its numbers") {
  MakeSpec spec{.shape = {.K = 128, .N = 64, .group_size = 64, .symmetric = false, .seed = 1},
                .pattern = Pattern::ramp};
  const Layer ramp = layer_of(made_container(spec));
  for (const auto& [k, n] : {std::pair{0, 0}, {77, 5}, {127, 63}}) {
    const judge::WeightParts parts = judge::expected_parts(ramp, k, n);
    CHECK(parts.code == (k + n) % 16);
    CHECK(parts.zero == (k / 64 + n) % 16);
    CHECK(parts.scale == (1 + (k / 64 * 64 + n) % 256) / 4096.0);
  }
  spec.pattern = Pattern::constant;
  spec.zero = 3;
  const judge::WeightParts parts = judge::expected_parts(layer_of(made_container(spec)), 100, 9);
  CHECK(parts.code == 9);
  CHECK(parts.zero == 3);
  CHECK(parts.scale == 0.015625);
  spec.scale = 0.1F;
  CHECK_THROWS_AS(made_container(spec), InputError);  // fp16 does not hold it
}

TEST_CASE("diff: the first code and scale and zero point that differ are named with both values") {
  MakeSpec spec{.shape = {.K = 64, .N = 64, .group_size = 64, .symmetric = false, .seed = 1},
                .pattern = Pattern::constant};
  const Container a = made_container(spec);
  spec.code = 10;
  spec.zero = 7;
  spec.scale = 0.5F;
  const Container b = made_container(spec);
  const std::vector<DiffLine> lines = diff_parts(layer_of(a), layer_of(b));
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].sentence == "4096 of 4096 differ, first (k=0, n=0): 9 against 10");
  CHECK(lines[1].sentence == "64 of 64 differ, first (group=0, n=0): 0.015625 against 0.5");
  CHECK(lines[2].sentence == "64 of 64 differ, first (group=0, n=0): 8 against 7");
  CHECK(lines[3].same);
  CHECK(diff_tensors(a, a)[0].same);
  CHECK_FALSE(diff_tensors(a, b)[0].same);
  Container without = a;
  without.tensors.erase("qzeros");
  CHECK(diff_tensors(a, without)[1].sentence == "only in A");
}

}  // namespace w4::cases::layers
