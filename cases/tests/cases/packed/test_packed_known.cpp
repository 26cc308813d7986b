// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/known.h"
#include "cases/search/repack_search.h"
#include "cases/tests/cases/chosen_faults.h"
#include "cases/tests/cases/packed/hostile.h"
#include "fixtures/error.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace {

using namespace w4;
using namespace w4::test;
using cases::search::Hypothesis;

/// The tensors that these faults make of a layer; none where they cannot, or where they mean the right weights.
std::optional<Packed> made_by(const Hypothesis& faults, const fixtures::Layer& layer, const Packed& right) {
  try {
    Packed packed = repack::packed_of(cases::search::repack_with(layer, cases::search::recipe_of(faults)));
    const bool fits = packed.scales.rows() == right.scales.rows() && packed.words.cols() == right.words.cols();
    if (!fits || cases::packed::same_packed(packed, right) || cases::packed::same_meaning(packed, right))
      return std::nullopt;
    return packed;
  } catch (const CannotTest&) {
    return std::nullopt;
  }
}

int named(const std::string& command, const std::vector<Hypothesis>& all) {
  const fixtures::Layer layer = layer_of(command);
  const Packed right = repack::repack(layer);
  int shown = 0;
  for (const Hypothesis& faults : all) {
    const auto seen = made_by(faults, layer, right);
    if (!seen) continue;
    ++shown;
    const std::string name = cases::search::names_of(faults), text = text_of(found_of(layer, *seen));
    CAPTURE(name);
    CAPTURE(text);
    CHECK(text.find("your tensors equal ours bit for bit with " + name + "\n") != std::string::npos);
  }
  return shown;
}

Hypothesis pair(const std::string& a, const std::string& b) {
  Hypothesis faults;
  for (const std::string& name : {a, b})
    for (const Hypothesis& one : cases::search::repack_hypotheses(1))
      if (one[0]->name == name) faults.push_back(one[0]);
  REQUIRE(faults.size() == 2);
  return faults;
}

}  // namespace

TEST_CASE("packed: every known fault that shows is named bit for bit") {
  if (!every_fault()) return;  // the pairs are enough of a slow build
  const auto all = cases::search::repack_hypotheses(1);
  CHECK(named("--case M1_K192_N192_g64_asym_act_fp16_r_s7", all) >= 20);
  CHECK(named("--case M1_K208_N72_g-1_asym_fp16_r_s7", all) >= 12);
}

TEST_CASE("packed: known faults in twos are named bit for bit") {
  CHECK(named("--case M1_K256_N192_g64_asym_act_fp16_r_s7",
              {pair("code-twos-complement", "scale-perm-missing"), pair("perm-a-inverse", "perm1024-partial:identity"),
               pair("nibble-spill", "tile-order-swap"), pair("fused-concat-axis:concat-order", "perm-applied-twice"),
               pair("zp-v1v2-offset", "zp-perm-no-interleave"), pair("gidx-dummy-zero", "layout-variant-arch")}) == 6);
}
