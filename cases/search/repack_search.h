// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/own_path.h"
#include "cases/judge/stage_check.h"
#include "cases/judge/stage_map.h"
#include "cases/report/report.h"
#include "fixtures/layer/layer.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::search {

/// A repacking stage that did not make what its definition says, and the known ways that make exactly what it made.
struct BrokenStage {
  int stage = 0;
  judge::StageCheck check;
  std::vector<std::string> variants;        // one: named; several: cannot be told apart here; none: unexplained
  std::optional<judge::StageMap> map = {};  // where it puts values, when it puts them elsewhere
};

/// What the eight repacking stages of the path under test made of a layer.
struct RepackWalk {
  std::vector<judge::StageCheck> checks;
  std::vector<BrokenStage> broken;
  repack::Weights last;  // the value behind `fragments`
};

/// Walks a layer through the path's stages, each compared bit for bit with its definition on its own input, and names
/// every stage that differs by the variant that reproduces it bit for bit. `step` is told the stage that begins.
RepackWalk walk_repack(const OwnPath& subject, const fixtures::Layer& layer, const repack::Recipe& put_right,
                       const std::function<void(std::string_view)>& step);

/// The same walk without a look for the ways that make what is broken.
RepackWalk checked_repack(const OwnPath& subject, const fixtures::Layer& layer);

/// The reference repack of a layer with one stage, or some, done another way.
repack::Weights repack_with(const fixtures::Layer& layer, const repack::Recipe& recipe);

/// The layer with one bit of its first stored zero point flipped. A symmetric layer must not feel it.
fixtures::Layer with_flipped_zero_point(const fixtures::Layer& layer);

/// What only stored zero points that differ by one bit bring to light: a symmetric layer must not feel them. Nothing
/// where the layer stores none, or where `walk`, as it is stored, shows that stage broken already.
struct ZeroPointProbe {
  bool made = false;
  std::vector<BrokenStage> broken = {};
};
ZeroPointProbe probe_zero_points(const OwnPath& subject, const fixtures::Layer& layer, const RepackWalk& walk);

/// Whether a stage (0..7) left the same value in two walks.
bool same_output(int stage, const repack::Weights& a, const repack::Weights& b);

}  // namespace w4::cases::search
