// SPDX-License-Identifier: Apache-2.0
#include "cases/case/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace w4::cases {
namespace {

constexpr int kNarrowest = 40;  // columns: below that nothing is wrapped
constexpr int kCommandIndent = 4;

/// Columns that a text takes: characters, without sequences that only colour it.
int width_of(std::string_view text) {
  int columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033')
      while (i < text.size() && text[i] != 'm') ++i;
    else
      columns += (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;  // not inside a UTF-8 sequence
  }
  return columns;
}

/// Where the last column of a line's text begins: behind its last gap of two spaces or more in the left half.
std::size_t text_begin(std::string_view line, int columns) {
  std::size_t begin = 0;
  for (std::size_t i = 2; i < line.size() && width_of(line.substr(0, i)) <= columns / 2; ++i)
    if (line[i] != ' ' && line[i - 1] == ' ' && line[i - 2] == ' ') begin = i;
  return begin;
}

bool is_command(std::string_view text) {
  constexpr std::array<std::string_view, 3> kStarts = {"./", "$ ", "w4bisect "};
  return std::ranges::any_of(kStarts, [&](std::string_view start) { return text.starts_with(start); });
}

/// One line as several, each at most `columns` wide where its words allow that.
void add_wrapped(std::string_view line, int columns, std::string& out) {
  const std::size_t begin = text_begin(line, columns);
  const bool command = is_command(line.substr(begin));
  const std::size_t indent = static_cast<std::size_t>(width_of(line.substr(0, begin))) + (command ? kCommandIndent : 0);
  const int most = columns - (command ? 2 : 0);  // room for the backslash
  out += line.substr(0, begin);
  int used = width_of(line.substr(0, begin));
  for (std::size_t at = begin; at < line.size();) {
    std::size_t end = line.find_first_not_of(' ', at);
    end = line.find(' ', end);
    const std::string_view word = line.substr(at, end == std::string_view::npos ? end : end - at);  // spaces in front
    at += word.size();
    if (used + width_of(word) <= most || used <= static_cast<int>(indent)) {
      out += word;
      used += width_of(word);
      continue;
    }
    const std::string_view bare = word.substr(std::min(word.find_first_not_of(' '), word.size()));
    out += (command ? " \\\n" : "\n") + std::string(indent, ' ');
    out += bare;
    used = static_cast<int>(indent) + width_of(bare);
  }
}

int terminal_columns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

std::string wrapped(std::string_view text, int columns) {
  if (columns < kNarrowest) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (width_of(line) <= columns)
      out += line;
    else
      add_wrapped(line, columns, out);
    if (end == std::string_view::npos) break;
    out += '\n';
    text.remove_prefix(end + 1);
  }
  return out;
}

void print(std::string_view text) { fmt::print("{}", wrapped(text, terminal_columns())); }

}  // namespace w4::cases
