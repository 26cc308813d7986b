// SPDX-License-Identifier: Apache-2.0
#include "repack/stages/stage.h"

#include "fixtures/error.h"
#include "repack/stages/act_order.h"
#include "repack/stages/checkpoint.h"
#include "repack/stages/codes.h"
#include "repack/stages/fragments.h"
#include "repack/stages/nearest.h"
#include "repack/stages/scale_order.h"
#include "repack/stages/scales.h"
#include "repack/stages/tiles.h"
#include "repack/stages/zero_points.h"

#include <cassert>
#include <vector>

namespace w4::repack {

std::span<const Stage> stages() {
  static const Stage kStages[] = {checkpoint::stage(), codes::stage(),       zero_points::stage(), act_order::stage(),
                                  scales::stage(),     scale_order::stage(), tiles::stage(),       fragments::stage()};
  return kStages;
}

const Stage& stage_of(StageId id) {
  assert(is_repacking(id));
  return stages()[static_cast<std::size_t>(id)];
}

const Variant& variant_of(const Stage& stage, std::string_view variant) {
  std::vector<std::string_view> known;
  for (const Variant& candidate : stage.variants) {
    if (candidate.id == variant) return candidate;
    known.push_back(candidate.id);
  }
  const std::string_view meant = nearest(variant, known);
  const std::string hint = meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant);
  throw InputError("stage {} has no variant \"{}\"{} (known: {})", name_of(stage.id), variant, hint,
                   fmt::join(known, ", "));
}

}  // namespace w4::repack
