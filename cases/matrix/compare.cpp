// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/compare.h"

#include "cases/matrix/baseline.h"
#include "fixtures/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace w4::cases::matrix {
namespace {

std::string without_kernel(const std::string& case_text) { return case_text.substr(0, case_text.find('@')); }

using ByText = std::map<std::string, const Record*>;

ByText by_text(const NamedResults& side) {
  ByText records;
  for (const Record& record : side.results.records)
    if (!records.emplace(without_kernel(record.case_text), &record).second)
      throw InputError("{}: has {} of two kernels, one is compared", side.name, without_kernel(record.case_text));
  return records;
}

/// Passes, was not run, or is red.
int rank_of(Outcome outcome) { return outcome == Outcome::pass ? 0 : is_red(outcome) ? 2 : 1; }

/// B / A; none where there is nothing to divide by.
std::optional<double> quotient(std::optional<double> a, std::optional<double> b) {
  if (!a || !b || !std::isfinite(*a) || !std::isfinite(*b) || *a <= 0) return {};
  return *b / *a;
}

std::optional<double> max_z(const Record& record) {
  return record.error ? std::optional(record.error->max_z) : std::nullopt;
}

/// What is worse about `now`, of two passes; empty: nothing.
std::string loss(const Record& now, const Record& before) {
  const auto &rounds = now.rounding, &rounded = before.rounding;
  if (rounds && rounded && judge::is_wider(rounds->rounding, rounded->rounding))
    return fmt::format("rounds wider: {}, {} in the other", rounds->text, rounded->text);
  if (!is_less_accurate(now, before)) return "";
  return fmt::format("is less accurate: max z {:.2f}, {:.2f} in the other; nrmse {:.2e}, {:.2e} in the other",
                     now.error->max_z, before.error->max_z, now.error->nrmse, before.error->nrmse);
}

std::string outcome_text(const Record& record) {
  return std::string(name_of(record.outcome)) + (record.reason.empty() ? "" : ": " + record.reason);
}

/// Which way the case went, and why.
void hold_together(ComparedCase& found) {
  const Record &a = *found.a, &b = *found.b;
  found.time = quotient(a.launch_seconds, b.launch_seconds);
  found.max_z = quotient(max_z(a), max_z(b));
  const int rank_a = rank_of(a.outcome), rank_b = rank_of(b.outcome);
  if (rank_a != rank_b) {
    found.change = rank_b > rank_a ? Change::worse : Change::better;
  } else if (const std::string lost = loss(b, a); !lost.empty()) {
    found.change = Change::worse;
    found.why = "B " + lost;
  } else if (const std::string won = loss(a, b); !won.empty()) {
    found.change = Change::better;
    found.why = "A " + won;
  } else if (a.outcome != b.outcome) {
    found.change = Change::differs;
  }
  if (a.outcome != b.outcome) found.why = fmt::format("A {}; B {}", outcome_text(a), outcome_text(b));
}

double worst_of(const ComparedCase& found) { return std::max(found.time.value_or(0), found.max_z.value_or(0)); }

}  // namespace

std::string_view name_of(Change change) {
  constexpr std::string_view kNames[] = {"worse", "better", "differs", "same", "only in A", "only in B"};
  return kNames[static_cast<std::size_t>(change)];
}

std::size_t Comparison::count(Change change) const {
  return static_cast<std::size_t>(std::ranges::count(cases, change, &ComparedCase::change));
}

Comparison compared(NamedResults a, NamedResults b) {
  Comparison comparison{.a = std::move(a), .b = std::move(b), .cases = {}};
  const ByText in_a = by_text(comparison.a), in_b = by_text(comparison.b);
  bool common = false;
  for (const auto& [text, record] : in_a) {
    const auto other = in_b.find(text);
    ComparedCase found{.case_text = text, .change = Change::only_in_a, .a = record};
    if (other != in_b.end()) {
      found.change = Change::same;
      found.b = other->second;
      hold_together(found);
      common = true;
    }
    comparison.cases.push_back(std::move(found));
  }
  for (const auto& [text, record] : in_b)
    if (!in_a.contains(text)) comparison.cases.push_back({.case_text = text, .change = Change::only_in_b, .b = record});
  if (!common)
    throw InputError("{} and {} have no case in common: there is nothing to compare", comparison.a.name,
                     comparison.b.name);
  std::ranges::stable_sort(comparison.cases, [](const ComparedCase& one, const ComparedCase& other) {
    return one.change != other.change ? one.change < other.change : worst_of(one) > worst_of(other);
  });
  return comparison;
}

}  // namespace w4::cases::matrix
