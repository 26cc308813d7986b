// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/record.h"

#include <string>
#include <vector>

namespace w4::cases::matrix {

/// Red cases with the same outcome and the same finding; where bisect has none, with the same reason.
struct FindingGroup {
  std::string what;                  // "scale-perm-missing in stage scale_order", or the reason
  std::vector<const Record*> cases;  // in the order of the result, never empty
  std::string cure() const;          // of the first one's culprits; empty: none
  const Record& first() const { return *cases[0]; }
};

/// The groups of these records by size, the largest first; of the same size, in the order of their first cases.
std::vector<FindingGroup> groups_of(const std::vector<const Record*>& red);

/// The red cases of a result.
std::vector<const Record*> red_cases(const Results& results);

/// Where the cases of a group lie among all that ran (passed or red), in the words of --where: "fails iff dtype == bf16
/// and M <= 16, for all values of N and group"; "fails only where M >= 17, in 3 of 9 cases"; "fails for all values of M
/// and group". Empty for a group of one, and for a result with a case that cannot be parsed.
std::string condition_of(const FindingGroup& group, const Results& results);

}  // namespace w4::cases::matrix
