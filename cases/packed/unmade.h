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

/// "first (row 3, word 7): 0x8bcdc446 where 0x8bcdc447 is right", of words that differ.
std::string first_difference(const Grid<std::uint32_t>& seen, const Grid<std::uint32_t>& made);

}  // namespace w4::cases::packed
