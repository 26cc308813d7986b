// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/reports.h"
#include "fixtures/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string_view>

namespace w4::cases::matrix {
namespace {

// Bytes of a text before it is escaped, which makes it at most 9 times as long; and of a table with all its rows.
constexpr std::size_t kCellBytes = 300, kCommandBytes = 1000, kTableBytes = 15000;
static_assert(4 * kTableBytes + 9 * kCellBytes + 1000 < kMaxMarkdown);  // four tables, the name of the set, titles

/// Plain text, in a cell or elsewhere: no mark-up, no accidental mention of a person or an issue.
std::string plain(std::string_view text, std::size_t bytes = kCellBytes) {
  constexpr std::string_view kSpecial = "\\`*_{}[]<>|~!$";
  std::string out;
  for (const char c : shortened(shown(text), bytes)) {
    if (c == '&') {
      out += "&amp;";
      continue;
    }
    if (kSpecial.find(c) != kSpecial.npos) out += '\\';
    out += c;
    if (c == '@' || c == '#') out += "<!-- -->";
  }
  return out;
}

/// Text to be copied, in a cell. Between backticks a backslash and a backtick cannot be escaped: as HTML then.
std::string code(std::string_view text, std::size_t bytes = kCellBytes) {
  const std::string line = shortened(shown(text), bytes);
  if (line.empty()) return "";
  const bool as_html = line.find_first_of("\\`") != line.npos;
  std::string out = as_html ? "<code>" : "`";
  for (const char c : line) {
    if (as_html && static_cast<unsigned char>(c) < 0x80 && !std::isalnum(static_cast<unsigned char>(c)) && c != ' ')
      out += fmt::format("&#{};", static_cast<int>(c));
    else if (c == '|')
      out += "\\|";
    else
      out += c;
  }
  return out + (as_html ? "</code>" : "`");
}

/// A table of `row(item)` for each item, or nothing without items; at most kMarkdownRows rows and kTableBytes, then how
/// many more there are.
template <class Item, class Row>
std::string table(std::string_view head, const std::vector<Item>& items, const Row& row) {
  if (items.empty()) return "";
  std::string text(head);
  for (std::size_t shown = 0; shown < items.size(); ++shown) {
    const std::string next = shown < kMarkdownRows ? row(items[shown]) : "";
    if (next.empty() || text.size() + next.size() >= kTableBytes)
      return text + fmt::format("\nand {} more\n", items.size() - shown);
    text += next;
  }
  return text;
}

std::string folded(const std::string& title, const std::string& text) {
  return text.empty() ? "" : fmt::format("\n<details><summary>{}</summary>\n\n{}\n</details>\n", title, text);
}

std::string news_table(const News& news) {
  if (news.empty()) return "\nNo news against the baseline.\n";
  return fmt::format("\n{} news against the baseline:\n\n", news.items.size()) +
         table("| news | case | |\n|---|---|---|\n", news.items, [](const NewsItem& item) {
           return fmt::format("| {} | {} | {} |\n", name_of(item.kind), code(item.case_text), plain(item.text));
         });
}

std::string red_row(const Record& record) {
  const std::string finding = finding_line(record);
  return fmt::format("| {} | {} | {} | {} |\n", code(record.case_text), name_of(record.outcome),
                     plain(finding.empty() ? record.reason : finding), code(record.rerun, kCommandBytes));
}

std::string red_table(const Results& results, const News* news) {
  std::set<std::string_view> known;
  if (news != nullptr)
    for (const Record& record : news->known_failures) known.insert(record.case_text);
  std::vector<const Record*> red;
  for (const Record& record : results.records)
    if (is_red(record.outcome) && !known.contains(record.case_text)) red.push_back(&record);
  if (red.empty()) return "";
  return fmt::format("\n{}", table("| case | outcome | finding | rerun |\n|---|---|---|---|\n", red,
                                   [](const Record* record) { return red_row(*record); }));
}

std::string known_table(const News& news) {
  const auto row = [](const Record& record) {
    return fmt::format("| {} | {} | {} | {} |\n", code(record.case_text), name_of(record.outcome),
                       plain(record.known->reason), record.known->expires);
  };
  return folded(fmt::format("{} known failures", news.known_failures.size()),
                table("| case | outcome | known | until |\n|---|---|---|---|\n", news.known_failures, row));
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
  return folded(
      counts_text(idle), table("| cases | outcome | reason |\n|--:|---|---|\n", sorted, [](const auto& group) {
        return fmt::format("| {} | {} | {} |\n", group.second, name_of(group.first.first), plain(group.first.second));
      }));
}

}  // namespace

std::string markdown_of(const Results& results, const News* news) {
  const Heading& heading = results.heading;
  std::string text = fmt::format("### matrix {}: {}\n", plain(heading.set), counts_text(results.records));
  if (heading.shards > 1) text += fmt::format("\nShard {} of {}.\n", heading.shard, heading.shards);
  if (news != nullptr) text += news_table(*news);
  text += red_table(results, news);
  if (news != nullptr) text += known_table(*news);
  return text + idle_table(results);
}

}  // namespace w4::cases::matrix
