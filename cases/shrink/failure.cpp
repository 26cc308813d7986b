// SPDX-License-Identifier: Apache-2.0
#include "cases/shrink/failure.h"

#include "cases/report/report_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace w4::cases::shrink {
namespace {

void add_kinds_of_values(const judge::Comparison& output, std::set<std::string>& kinds) {
  const auto add = [&](bool seen, const char* kind) {
    if (seen) kinds.insert(kind);
  };
  const bool any = output.unwritten == output.count;
  add(any, "nothing written");
  add(!any && output.unwritten > 0, "unwritten outputs");
  add(output.nan > 0, "NaN");
  add(output.inf > 0, "inf");
  add(output.zero == output.count && !output.right(), "nothing but zeros");  // all zeros may be right
  add(output.wrong > output.unwritten + output.nan + output.inf, "wrong values");
  add(output.wrong == 0 && !output.right(), "errors that are too large as a whole");
}

std::set<std::string> kinds_of(const report::Report& report) {
  std::set<std::string> kinds;
  if (report.comparison) add_kinds_of_values(*report.comparison, kinds);
  if (!report.repeats) return kinds;
  kinds.insert(report.repeats->failures.begin(), report.repeats->failures.end());
  if (report.repeats->differing > 0)
    kinds.insert(report.repeats->apart ? "launches that differ" : "another order of sums");
  return kinds;
}

}  // namespace

Failure failure_of(const report::Report& report) {
  constexpr std::string_view kUnexplained = "unexplained";
  Failure failure{.verdict = report.verdict, .culprits = {}, .kinds = {}};
  failure.output_wrong = report.comparison && !report.comparison->right();
  bool explained = true;
  for (const report::Culprit& culprit : report.culprits) {
    failure.culprits.emplace(culprit.stage, culprit.fault);
    explained = explained && culprit.fault != kUnexplained;
  }
  if (!explained || failure.culprits.empty()) failure.kinds = kinds_of(report);
  return failure;
}

std::string text_of(const Failure& failure) {
  std::vector<std::string> culprits;
  for (const auto& [stage, fault] : failure.culprits)
    culprits.push_back(stage.empty() ? fault : fault + " in stage " + stage);
  std::string text = culprits.empty() ? std::string(report::name_of(failure.verdict))
                                      : fmt::format("{}", fmt::join(culprits, " and "));
  text += failure.output_wrong ? "; the output is wrong" : "; the output of this case is right";
  return failure.kinds.empty() ? text : text + fmt::format(" ({})", fmt::join(failure.kinds, ", "));
}

}  // namespace w4::cases::shrink
