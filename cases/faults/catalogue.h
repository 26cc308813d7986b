// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace w4::cases::faults {

/// A row of the catalogue of faults seen in practice, and where this program covers it.
struct CatalogueRow {
  int number;                              // 1, 2, 3, ...
  std::string_view id;                     // as the catalogue has it
  std::vector<std::string_view> known_as;  // ids of findings; the catalogue joins several under some of its own
  std::string_view
      otherwise;  // why it is out of reach here and what says it instead; empty: planted or named by a rule
};

/// All rows, in order.
const std::vector<CatalogueRow>& catalogue();

/// Where a row is found.
enum class CataloguePlace {
  planted,      // a stage has it as a variant: --inject
  run_rule,     // a rule on how a launch ends names it (run_faults.h)
  method,       // a wrong way to judge a kernel, no fault of it
  out_of_reach  // cannot be planted: `otherwise` says why
};

/// By what stages and rules have; a row with several ids is there when all of them are.
CataloguePlace place_of(const CatalogueRow& row);

/// Ids that are planted or named and that no row of the catalogue has.
const std::vector<std::string_view>& own_ids();

}  // namespace w4::cases::faults
