// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/compare.h"
#include "cases/matrix/markdown_table.h"
#include "cases/report/schema.h"
#include "fixtures/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace w4::cases::matrix {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostListed = 20;  // rows of each part of the text; the JSON has all

/// Figures of one case in A and in B, and B / A; "-": there is none.
struct Cells {
  std::string outcomes[2], z[2], milliseconds[2], time;
};

std::string figure_text(std::optional<double> value, double unit = 1) {
  return value && std::isfinite(*value) ? fmt::format("{:.3g}", *value * unit) : "-";
}

Cells cells_of(const ComparedCase& compared) {
  constexpr double kMilliseconds = 1000;
  Cells cells{.outcomes = {"-", "-"}, .z = {"-", "-"}, .milliseconds = {"-", "-"}, .time = figure_text(compared.time)};
  const Record* const sides[] = {compared.a, compared.b};
  for (int i = 0; i < 2; ++i) {
    if (sides[i] == nullptr) continue;
    cells.outcomes[i] = name_of(sides[i]->outcome);
    if (sides[i]->error) cells.z[i] = figure_text(sides[i]->error->max_z);
    cells.milliseconds[i] = figure_text(sides[i]->launch_seconds, kMilliseconds);
  }
  return cells;
}

bool has_changed(const ComparedCase& compared) {
  return compared.change == Change::worse || compared.change == Change::better || compared.change == Change::differs;
}

/// "3 worse, 24 same, 2 only in B"
std::string counts_of_changes(const Comparison& comparison) {
  std::vector<std::string> parts;
  for (int i = 0; i <= static_cast<int>(Change::only_in_b); ++i)
    if (const std::size_t count = comparison.count(static_cast<Change>(i)); count > 0)
      parts.push_back(fmt::format("{} {}", count, name_of(static_cast<Change>(i))));
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// B / A of the cases that both have timed; none: no case.
std::optional<double> median_time(const Comparison& comparison) {
  std::vector<double> times;
  for (const ComparedCase& compared : comparison.cases)
    if (compared.time) times.push_back(*compared.time);
  if (times.empty()) return {};
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>((times.size() - 1) / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

std::string time_line(const Comparison& comparison) {
  const auto median = median_time(comparison);
  return median ? fmt::format("a launch of B takes {:.3g} times one of A (median; times decide nothing)", *median) : "";
}

std::string changed_text(const ComparedCase& compared) {
  const std::string name(name_of(compared.change));
  std::string text = text_line("{:<12} {}", name, compared.case_text);
  if (!compared.why.empty()) text += text_line("{:<12} {}", "", compared.why);
  const Record& shown = compared.change == Change::better ? *compared.a : *compared.b;
  return text + text_line("{:<12} {}", "", shown.rerun);
}

std::string row_text(const ComparedCase& compared) {
  const Cells c = cells_of(compared);
  return text_line("{:<6.6} {:<6.6} {:>8} {:>8} {:>8} {:>8} {:>6} {}", c.outcomes[0], c.outcomes[1], c.z[0], c.z[1],
                   c.milliseconds[0], c.milliseconds[1], c.time, compared.case_text);
}

ordered_json json_of(const Record* record) {
  if (record == nullptr) return nullptr;
  ordered_json out = {{"case", record->case_text}, {"outcome", name_of(record->outcome)},
                      {"reason", record->reason},  {"max_z", record->error ? number(record->error->max_z) : nullptr},
                      {"launch_seconds", nullptr}, {"rerun", record->rerun}};
  if (record->launch_seconds) out["launch_seconds"] = *record->launch_seconds;
  return out;
}

ordered_json json_of(const NamedResults& side) {
  return {{"name", side.name}, {"cases", side.results.records.size()}, {"made", made_of(side.results)}};
}

ordered_json json_of(std::optional<double> value) { return value ? number(*value) : ordered_json(nullptr); }

}  // namespace

std::string text_of(const Comparison& comparison) {
  std::string text, table;
  std::size_t changed = 0, rows = 0;
  for (const ComparedCase& compared : comparison.cases) {
    if (has_changed(compared) && ++changed <= kMostListed) text += changed_text(compared);
    if (++rows <= kMostListed) table += row_text(compared);
  }
  if (changed > kMostListed) text += fmt::format("{:<12} and {} more\n", "", changed - kMostListed);
  if (changed > 0) text += "\n";
  text += text_line("{:<13} {:>17} {:>17} {:>6}", "outcome", "max z", "ms a launch", "time");
  text += text_line("{:<6} {:<6} {:>8} {:>8} {:>8} {:>8} {:>6} {}", "A", "B", "A", "B", "A", "B", "B/A", "case");
  text += table;
  if (rows > kMostListed) text += fmt::format("and {} more (--json has all)\n", rows - kMostListed);
  text += "\n" + text_line("{:<12} {}", "A", comparison.a.name) + text_line("{:<12} {}", "B", comparison.b.name);
  if (const std::string time = time_line(comparison); !time.empty()) text += text_line("{:<12} {}", "time", time);
  return text + text_line("{:<12} {}", "compared", counts_of_changes(comparison));
}

std::string markdown_of(const Comparison& comparison) {
  const auto row = [](const ComparedCase& compared) {
    const Cells c = cells_of(compared);
    return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", markdown_code(compared.case_text),
                       name_of(compared.change), c.outcomes[0], c.outcomes[1], c.z[0], c.z[1], c.milliseconds[0],
                       c.milliseconds[1], c.time);
  };
  std::string text = fmt::format("### {} and {}: {}\n\n", markdown_code(comparison.a.name),
                                 markdown_code(comparison.b.name), counts_of_changes(comparison));
  if (const std::string time = time_line(comparison); !time.empty()) text += markdown_plain(time) + "\n\n";
  return text + markdown_table(
                    "| case | | A | B | max z of A | of B | ms a launch of A | of B | B/A |\n"
                    "|---|---|---|---|--:|--:|--:|--:|--:|\n",
                    comparison.cases, row);
}

ordered_json json_of(const Comparison& comparison) {
  ordered_json cases = ordered_json::array();
  for (const ComparedCase& compared : comparison.cases)
    cases.push_back({{"case", compared.case_text},
                     {"change", name_of(compared.change)},
                     {"why", compared.why},
                     {"a", json_of(compared.a)},
                     {"b", json_of(compared.b)},
                     {"time", json_of(compared.time)},
                     {"max_z", json_of(compared.max_z)}});
  return {{"schema", report::kComparisonSchema},
          {"a", json_of(comparison.a)},
          {"b", json_of(comparison.b)},
          {"median_time", json_of(median_time(comparison))},
          {"cases", std::move(cases)}};
}

}  // namespace w4::cases::matrix
