// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace w4::cases::matrix {

/// Bytes of a text before it is escaped, which makes it at most 9 times as long; and of a table with all its rows.
inline constexpr std::size_t kCellBytes = 300, kCommandBytes = 1000, kTableBytes = 15000;
inline constexpr std::size_t kMarkdownRows = 20;  // of each table; then "and N more"

/// Plain text, in a cell or elsewhere: no mark-up, no accidental mention of a person or an issue.
std::string markdown_plain(std::string_view text, std::size_t bytes = kCellBytes);

/// Text to be copied, in a cell. Between backticks a backslash and a backtick cannot be escaped: as HTML then.
std::string markdown_code(std::string_view text, std::size_t bytes = kCellBytes);

/// A table of `row(item)` for each item, or nothing without items; at most kMarkdownRows rows and kTableBytes, then how
/// many more there are.
template <class Item, class Row>
std::string markdown_table(std::string_view head, const std::vector<Item>& items, const Row& row) {
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

}  // namespace w4::cases::matrix
