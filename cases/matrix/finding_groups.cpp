// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/finding_groups.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace w4::cases::matrix {

std::string FindingGroup::cure() const {
  std::vector<std::string> cures;
  if (!first().finding.is_object()) return "";
  for (const auto& culprit : first().finding.value("culprits", nlohmann::ordered_json::array()))
    if (const std::string cure = culprit.value("cure", ""); !cure.empty()) cures.push_back(cure);
  return fmt::format("{}", fmt::join(cures, "; "));
}

std::vector<const Record*> red_cases(const Results& results) {
  std::vector<const Record*> red;
  for (const Record& record : results.records)
    if (is_red(record.outcome)) red.push_back(&record);
  return red;
}

std::vector<FindingGroup> groups_of(const std::vector<const Record*>& red) {
  std::vector<FindingGroup> groups;
  std::map<std::pair<Outcome, std::string>, std::size_t> known;
  for (const Record* record : red) {
    const std::string found = finding_line(*record);
    const std::string& what = found.empty() ? record->reason : found;
    const auto [place, is_new] = known.try_emplace({record->outcome, what}, groups.size());
    if (is_new) groups.push_back({.what = what, .cases = {}});
    groups[place->second].cases.push_back(record);
  }
  std::ranges::stable_sort(groups, std::ranges::greater{},
                           [](const FindingGroup& group) { return group.cases.size(); });
  return groups;
}

}  // namespace w4::cases::matrix
