// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/oracle.h"

#include <cstdint>
#include <string>
#include <vector>

namespace w4::cases::judge {

/// One acceptance rule of the table in numerics.md, and its verdict on an output. A row with two limits is two rules.
struct AuditLine {
  std::string rule;  // as printed there
  double value = 0;  // NaN where the rule's own arithmetic gives NaN
  double limit = 0;
  bool passed = false;
};

/// Whether an output passes acceptance rules in common use, each computed as its authors do: a NaN metric fails (0/0
/// too, where every expected value is zero). C: (M, N), bits of expected.dtype; `fill` is what C held before. An
/// element that was never written counts as 0: buffers of those tests are fresh or zeroed, so their rules cannot see
/// it. Throws InputError for an output of another shape.
std::vector<AuditLine> audit(const Grid<std::uint16_t>& C, const Expected& expected, std::uint16_t fill);

}  // namespace w4::cases::judge
