// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/packed/model.h"

#include <string>
#include <vector>

namespace w4::cases::packed {

/// Words that no way of the stages makes: the stage that is wrong as far as comparisons tell, and what was compared.
struct UnmadeWords {
  StageId stage;
  std::vector<std::string> evidence;
};

/// Which contents survive names the stage: codes lost their counts, tiles their contents, or only their order inside.
UnmadeWords compare_contents(const WordsModel& right, const Grid<std::uint32_t>& seen);

/// Of words that a model makes for the most part, what the others hold: other codes, which no stage behind the codes
/// makes, or the right ones in another order. (k, n) is the place in the packed layer.
UnmadeWords compare_rest(const WordsModel& made, const Grid<std::uint32_t>& seen);

}  // namespace w4::cases::packed
