// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/readings.h"
#include "repack/stages/stage_id.h"

#include <set>
#include <string>
#include <vector>

namespace w4::cases::probe {

/// Something that was read out of a box and is not as it should be.
struct Finding {
  std::string stage;  // the last stage that can do this; "a or b" where several can
  std::vector<std::string> evidence = {};
  std::set<StageId> suspects = {};  // stages at which a known fault could do the same
  bool of_codes = false;            // codes are used at other places
  bool of_zero_weights = false;     // weights are zero, whatever their codes
};

/// What outputs do, whatever weights are used: rows of A that are mixed up, outputs that stop at a limit, and the like.
std::vector<Finding> wrong_outputs(const fixtures::Layer& layer, const OutputChecks& outputs);

/// Whether that is why these outputs (M, N) are wrong.
bool explained_by_outputs(const OutputChecks& outputs, const std::vector<bool>& wrong);

/// What a code, a zero point or a scale is worth, where it is used at all.
std::vector<Finding> wrong_values(const fixtures::Layer& layer, const Readings& read);

/// Scales, the same everywhere, that are used as other numbers, and those numbers, against a scale of 1.
std::vector<std::pair<float, float>> wrong_scales(const Readings& read, DType dtype);

/// Which code, scale and zero point is used where. What could not be read is no evidence.
std::vector<Finding> wrong_sources(const fixtures::Layer& layer, const Readings& read);

/// Weights that were read, in words: rows of K are told as k, and it is said where not all of them were read.
std::string text_of_weights(const std::vector<bool>& in, const Readings& read, int N);

}  // namespace w4::cases::probe
