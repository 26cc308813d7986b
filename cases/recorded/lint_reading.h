// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/oracle.h"

#include <optional>
#include <string>
#include <vector>

namespace w4::cases::recorded {

/// A layer that lint distrusts, read as lint says that it is meant.
struct LintReading {
  std::string fault;     // the id of lint, which is the catalogue's
  std::string sentence;  // of lint
  std::string how;       // "with codes ^ 8 and zero points of 8"
};

/// The reading under which an output of the case, (M, N), is right; none: there is no such reading.
std::optional<LintReading> reading_that_explains(const Prepared& prepared, const judge::Rounding& rounding,
                                                 const Grid<std::uint16_t>& C);

/// What lint distrusts in the layer of the case: sentences of its warnings and errors.
std::vector<std::string> doubts_of(const Prepared& prepared);

}  // namespace w4::cases::recorded
