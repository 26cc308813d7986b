// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/stage_check.h"

#include "cases/search/repack_search.h"
#include "cases/tests/cases/judge/one_changed.h"
#include "fixtures/random/random_layer.h"

#include <doctest/doctest.h>

using namespace w4;
using namespace w4::cases;
using repack::Weights;
using w4::test::with_one_changed;

namespace {

fixtures::Layer tagged(bool symmetric, bool act_order, int group_size) {
  return fixtures::random::random_layer({.K = 256,
                                         .N = 192,
                                         .group_size = group_size,
                                         .symmetric = symmetric,
                                         .act_order = act_order,
                                         .bias = true,
                                         .texture = fixtures::random::Texture::tagged,
                                         .seed = 11});
}

/// The reference chain: value i goes into stage i.
std::vector<Weights> chain(const fixtures::Layer& layer) {
  std::vector<Weights> values = {repack::weights_of(layer)};
  for (const repack::Stage& stage : repack::stages()) values.push_back(stage.variants[0].apply(values.back()));
  return values;
}

}  // namespace

TEST_CASE("stage check: the reference of every stage is right by the definition") {
  for (const bool symmetric : {true, false}) {
    for (const bool act_order : {true, false}) {
      for (const int group_size : {32, 64, 128, 256}) {
        const auto values = chain(tagged(symmetric, act_order, group_size));
        for (const StageId stage : kRepackingStages) {
          const auto before = values.begin() + static_cast<int>(stage);
          const judge::StageCheck check = judge::check_stage(stage, *before, *(before + 1));
          CAPTURE(name_of(stage));
          CHECK_MESSAGE(check.ok(), check.first);
          CHECK(check.compared > 0);
        }
      }
    }
  }
}

TEST_CASE("stage check: one changed cell of any stage is found and located") {
  const auto values = chain(tagged(false, true, 64));
  const auto judged = [&](StageId stage, const auto& change) {
    const auto before = values.begin() + static_cast<int>(stage);
    Weights made = *(before + 1);
    change(made);
    return judge::check_stage(stage, *before, made);
  };
  CHECK(judged(StageId::checkpoint, [](Weights& w) { w.group_size = 32; }).first ==
        "group_size is 32 where the layer has 64");
  CHECK(judged(StageId::checkpoint, [](Weights& w) { w.words = with_one_changed(w.words, 5); }).wrong == 1);
  CHECK(judged(StageId::codes, [](Weights& w) {
          w.codes = with_one_changed(w.codes, 192 + 7);
        }).first.find("(k=1, n=7)") == 0);
  CHECK(judged(StageId::zero_points, [](Weights& w) {
          w.zeros = with_one_changed(w.zeros, 3);
        }).first.find("(group=0, n=3)") == 0);
  CHECK(judged(StageId::act_order, [](Weights& w) { w.column_order = with_one_changed(w.column_order, 9); }).wrong ==
        1);
  CHECK(judged(StageId::act_order, [](Weights& w) { w.column_order = {}; }).wrong == 256);
  CHECK(judged(StageId::scales, [](Weights& w) {
          w.scales = with_one_changed(w.scales, 192);
        }).first.find("(group=1, n=0)") == 0);
  CHECK(judged(StageId::scale_order, [](Weights& w) {
          w.ordered_zeros = with_one_changed(w.ordered_zeros, 0);
        }).wrong == 1);
  CHECK(judged(StageId::tiles, [](Weights& w) {
          w.tiles = with_one_changed(w.tiles, 257);
        }).first.find("(k=0, n=17)") == 0);
  CHECK(judged(StageId::fragments, [](Weights& w) {
          w.packed = with_one_changed(w.packed, 128 + 4 * 3 + 2);
        }).first.find("(tile row 0, tile column 1, lane 3, word 2)") == 0);
}

TEST_CASE("stage check: a stage that works right on wrong input is right") {
  const auto values = chain(tagged(false, false, 64));
  Weights wrong_input = values[6];
  wrong_input.codes = with_one_changed(wrong_input.codes, 0);
  const Weights made = repack::stage_of(StageId::tiles).variants[0].apply(wrong_input);
  CHECK(judge::check_stage(StageId::tiles, wrong_input, made).ok());
  CHECK_FALSE(judge::check_stage(StageId::tiles, values[6], made).ok());
}
