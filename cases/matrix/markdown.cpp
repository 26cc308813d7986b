// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/finding_groups.h"
#include "cases/matrix/markdown_table.h"
#include "cases/matrix/reports.h"
#include "fixtures/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace w4::cases::matrix {
namespace {

constexpr std::size_t kMadeBytes = 190, kDetailBytes = 200;
// Four tables, the name of the set, what it was made with, titles.
static_assert(4 * kTableBytes + 9 * (kCellBytes + kMadeBytes) + 1000 < kMaxMarkdown);

std::string folded(const std::string& title, const std::string& text) {
  return text.empty() ? "" : fmt::format("\n<details><summary>{}</summary>\n\n{}\n</details>\n", title, text);
}

std::string news_table(const News& news) {
  if (news.empty()) return "\nNo news against the baseline.\n";
  return fmt::format("\n{} news against the baseline:\n\n", news.items.size()) +
         markdown_table("| news | case | |\n|---|---|---|\n", news.items, [](const NewsItem& item) {
           return fmt::format("| {} | {} | {} |\n", name_of(item.kind), markdown_code(item.case_text),
                              markdown_plain(item.text));
         });
}

std::string red_row(const FindingGroup& group, const Results& results) {
  const Record& first = group.first();
  std::string finding = markdown_plain(group.what);
  const std::string condition = condition_of(group, results), cure = group.cure();
  if (!condition.empty()) finding += "<br>" + markdown_plain(condition, kDetailBytes);
  if (!cure.empty()) finding += "<br>cure: " + markdown_plain(cure, kDetailBytes);
  return fmt::format("| {} | {} | {} | {} | {} |\n", group.cases.size(), name_of(first.outcome), finding,
                     markdown_code(first.case_text), markdown_code(first.rerun, kCommandBytes));
}

/// The findings of red cases that are not known.
std::string red_table(const Results& results, const News* news) {
  std::set<std::string_view> known;
  if (news != nullptr)
    for (const Record& record : news->known_failures) known.insert(record.case_text);
  std::vector<const Record*> red = red_cases(results);
  std::erase_if(red, [&](const Record* record) { return known.contains(record->case_text); });
  const std::string table =
      markdown_table("| cases | outcome | finding | first case | rerun |\n|--:|---|---|---|---|\n", groups_of(red),
                     [&](const FindingGroup& group) { return red_row(group, results); });
  return table.empty() ? "" : "\n" + table;
}

std::string known_table(const News& news) {
  const auto row = [](const Record& record) {
    return fmt::format("| {} | {} | {} | {} |\n", markdown_code(record.case_text), name_of(record.outcome),
                       markdown_plain(record.known->reason), record.known->expires);
  };
  return folded(fmt::format("{} known failures", news.known_failures.size()),
                markdown_table("| case | outcome | known | until |\n|---|---|---|---|\n", news.known_failures, row));
}

/// Cases that were not run, by outcome and reason, the most frequent first.
std::string idle_table(const Results& results) {
  std::map<std::pair<Outcome, std::string>, std::size_t> groups;
  std::vector<Record> idle;  // outcomes alone, to be counted
  for (const Record& record : results.records) {
    if (is_red(record.outcome) || record.outcome == Outcome::pass) continue;
    ++groups[{record.outcome, record.reason}];
    idle.push_back({.case_text = {}, .outcome = record.outcome});
  }
  std::vector<std::pair<std::pair<Outcome, std::string>, std::size_t>> sorted(groups.begin(), groups.end());
  std::ranges::stable_sort(sorted, std::ranges::greater{}, [](const auto& group) { return group.second; });
  return folded(counts_text(idle),
                markdown_table("| cases | outcome | reason |\n|--:|---|---|\n", sorted, [](const auto& group) {
                  return fmt::format("| {} | {} | {} |\n", group.second, name_of(group.first.first),
                                     markdown_plain(group.first.second));
                }));
}

/// "Made with w4bisect 0.1.0 (9ed4f10460e5), GNU 12.2.0, on a host, 2026-12-01T08:00:00Z.": empty for older results.
std::string made_line(MadeWith made) {
  if (made.empty()) return "";
  std::string text = fmt::format("w4bisect {} ({}), {}", made["version"], made["commit"], made["compiler"]);
  for (const char* more : {"gpu", "driver", "host", "date"})
    if (!made[more].empty()) text += ", " + made[more];
  return fmt::format("\n<sub>Made with {}.</sub>\n", markdown_plain(text, kMadeBytes));
}

}  // namespace

std::string markdown_of(const Results& results, const News* news) {
  const Heading& heading = results.heading;
  std::string text = fmt::format("### matrix {}: {}\n", markdown_plain(heading.set), counts_text(results.records));
  if (heading.shards > 1) text += fmt::format("\nShard {} of {}.\n", heading.shard, heading.shards);
  if (news != nullptr) text += news_table(*news);
  text += red_table(results, news);
  if (news != nullptr) text += known_table(*news);
  return text + idle_table(results) + made_line(made_of(results));
}

}  // namespace w4::cases::matrix
