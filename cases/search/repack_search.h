// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/own_path.h"
#include "cases/judge/stage_check.h"
#include "cases/search/progress.h"
#include "fixtures/layer/layer.h"

#include <map>
#include <string>
#include <vector>

namespace w4::cases::search {

/// A repacking stage whose output is not what its definition makes of its input.
struct BrokenStage {
  StageId stage = {};
  judge::StageCheck check;
  repack::Weights before, after;
};

/// What the eight repacking stages of the path under test made of a layer.
struct RepackWalk {
  std::map<StageId, judge::StageCheck> checks;
  std::vector<BrokenStage> broken;
  repack::Weights last;  // the value behind `fragments`
};

/// Walks a layer through the path's stages, each compared bit for bit with its definition on its own input.
RepackWalk walk_repack(
    const OwnPath& subject, const fixtures::Layer& layer, const repack::Recipe& put_right = {},
    const Progress& step = [](std::string_view) {});

/// The stage's variants that make the same of its input, bit for bit. One: named; several: nothing here tells them
/// apart; none: unexplained.
std::vector<std::string> variants_that_make(const BrokenStage& broken);

/// The reference repack of a layer with one stage, or some, done another way.
repack::Weights repack_with(const fixtures::Layer& layer, const repack::Recipe& recipe);

/// The layer with one bit of its first stored zero point flipped. A symmetric layer means the same weights.
fixtures::Layer with_flipped_zero_point(const fixtures::Layer& layer);

/// Flips one bit of the stored zero points: a symmetric layer must not depend on them. Not made where the layer stores
/// none, or where `walk`, on the layer as stored, shows that stage broken already.
struct ZeroPointProbe {
  bool made = false;
  std::vector<BrokenStage> broken = {};
};
ZeroPointProbe probe_zero_points(const OwnPath& subject, const fixtures::Layer& layer, const RepackWalk& walk);

/// Whether a repacking stage left the same value in two walks.
bool same_output(StageId stage, const repack::Weights& a, const repack::Weights& b);

}  // namespace w4::cases::search
