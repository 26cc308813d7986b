// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/oracle.h"

#include <cstdint>
#include <string>
#include <vector>

namespace w4::cases::judge {

/// One acceptance rule of the table in numerics.md, and what it says of an output. A row with two limits is two rules.
struct AuditLine {
  std::string rule;  // as printed there
  double value = 0;  // NaN where the rule's own arithmetic gives NaN
  double limit = 0;
  bool passed = false;
};

/// Whether an output would have passed the rules that others accept by, each as its authors compute it: a NaN metric
/// refuses (also 0/0, where all that is expected is zero). C: (M, N), bits of expected.dtype; `fill` is what it held
/// before. An element that was never written counts as 0, because the buffers of those tests are fresh or zeroed: these
/// rules cannot know that nothing was written. Throws InputError for an output of another shape.
std::vector<AuditLine> audit(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill);

}  // namespace w4::cases::judge
