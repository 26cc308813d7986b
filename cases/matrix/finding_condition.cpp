// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/axes.h"
#include "cases/matrix/finding_groups.h"
#include "fixtures/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace w4::cases::matrix {
namespace {

using AxisValue = std::variant<long long, std::string>;
using AxisValues = std::set<AxisValue>;

/// A case that ran, and whether it is one of the group's.
struct RanCase {
  CaseId id;
  bool fails;
};

std::vector<RanCase> cases_that_ran(const FindingGroup& group, const Results& results) {
  const std::set<const Record*> failing(group.cases.begin(), group.cases.end());
  std::vector<RanCase> ran;
  for (const Record& record : results.records)
    if (record.outcome == Outcome::pass || is_red(record.outcome))
      ran.push_back({parse_case(record.case_text), failing.contains(&record)});
  return ran;
}

/// What all failing cases have in common on one axis, where not all cases have it.
struct AxisCondition {
  const Axis* axis;
  AxisValues failing, all;

  bool holds(const CaseId& id) const { return failing.contains(axis->of(id)); }
  std::string text() const;
};

std::string value_text(const AxisValue& value) {
  return std::visit([](const auto& plain) { return fmt::format("{}", plain); }, value);
}

/// "M <= 16", "M >= 17", "dtype != bf16", "dtype == bf16", "(M == 1 or M == 33)"
std::string AxisCondition::text() const {
  const bool is_number = std::holds_alternative<long long>(*all.begin());
  const auto compared = [&](const char* how, const AxisValue& value) {
    return fmt::format("{} {} {}", axis->name, how, value_text(value));
  };
  if (failing.size() == 1) return compared("==", *failing.begin());
  if (is_number && *failing.rbegin() < *std::next(all.begin(), static_cast<std::ptrdiff_t>(failing.size())))
    return compared("<=", *failing.rbegin());
  if (is_number && *std::next(all.rbegin(), static_cast<std::ptrdiff_t>(failing.size())) < *failing.begin())
    return compared(">=", *failing.begin());
  std::vector<std::string> parts;
  const bool most = failing.size() + 1 == all.size();
  for (const AxisValue& value : all)
    if (failing.contains(value) != most) parts.push_back(compared(most ? "!=" : "==", value));
  constexpr std::size_t kMostParts = 6;
  if (parts.size() > kMostParts)
    return fmt::format("{} has one of {} of its {} values", axis->name, failing.size(), all.size());
  return parts.size() == 1 ? parts[0] : fmt::format("({})", fmt::join(parts, " or "));
}

using Conditions = std::vector<AxisCondition>;

bool all_hold(const Conditions& conditions, const CaseId& id) {
  return std::ranges::all_of(conditions, [&](const AxisCondition& each) { return each.holds(id); });
}

std::size_t count_where(const Conditions& conditions, const std::vector<RanCase>& ran) {
  return static_cast<std::size_t>(
      std::ranges::count_if(ran, [&](const RanCase& each) { return all_hold(conditions, each.id); }));
}

/// Without those that the others imply, for these cases.
Conditions shortest(Conditions conditions, const std::vector<RanCase>& ran) {
  const std::size_t held = count_where(conditions, ran);
  for (std::size_t i = conditions.size(); i-- > 0;) {
    Conditions fewer = conditions;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (count_where(fewer, ran) == held) conditions = std::move(fewer);
  }
  return conditions;
}

/// "M, N and group"
std::string list_of(const std::vector<std::string_view>& names) {
  if (names.size() < 2) return fmt::format("{}", fmt::join(names, ""));
  const std::vector<std::string_view> front(names.begin(), names.end() - 1);
  return fmt::format("{} and {}", fmt::join(front, ", "), names.back());
}

std::string words_of(const std::vector<RanCase>& ran, std::size_t failing) {
  Conditions conditions;
  std::vector<std::string_view> free;
  for (const Axis& axis : all_axes()) {
    if (axis.name == "shape") continue;  // K and N say more
    AxisCondition condition{.axis = &axis, .failing = {}, .all = {}};
    for (const RanCase& each : ran) {
      condition.all.insert(axis.of(each.id));
      if (each.fails) condition.failing.insert(axis.of(each.id));
    }
    if (condition.failing.size() < condition.all.size())
      conditions.push_back(std::move(condition));
    else if (condition.all.size() > 1)
      free.push_back(axis.name);
  }
  conditions = shortest(std::move(conditions), ran);
  const std::size_t held = count_where(conditions, ran);
  std::vector<std::string> texts;
  for (const AxisCondition& condition : conditions) texts.push_back(condition.text());
  const std::string where = fmt::format("{}", fmt::join(texts, " and "));
  if (held > failing) {
    const std::string among = fmt::format("{} of {} cases", failing, held);
    return where.empty() ? "fails in " + among : fmt::format("fails only where {}, in {}", where, among);
  }
  if (free.empty()) return where.empty() ? "" : "fails iff " + where;
  return where.empty() ? "fails for all values of " + list_of(free)
                       : fmt::format("fails iff {}, for all values of {}", where, list_of(free));
}

}  // namespace

std::string condition_of(const FindingGroup& group, const Results& results) {
  if (group.cases.size() < 2) return "";
  try {
    return words_of(cases_that_ran(group, results), group.cases.size());
  } catch (const InputError&) {
    return "";
  }
}

}  // namespace w4::cases::matrix
