// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage_id.h"
#include "repack/stages/weights.h"

#include <cstddef>
#include <string>

namespace w4::cases::judge {

/// A stage's output compared with the definition of design.md, applied to its input.
struct StageCheck {
  std::size_t compared = 0;  // cells
  std::size_t wrong = 0;
  std::string first;  // "(k=0, n=8): code 3 where 5 is right"; empty when nothing is wrong
  std::string what;   // what was compared: "589824 codes"
  bool ok() const { return wrong == 0; }
};

/// Judges one repacking stage by its own input: a stage that transforms wrong input
/// as defined is right. The definitions are written a second time here, from the closed forms, and call nothing in
/// repack/.
StageCheck check_stage(StageId stage, const repack::Weights& before, const repack::Weights& after);

}  // namespace w4::cases::judge
