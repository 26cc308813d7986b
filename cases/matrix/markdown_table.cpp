// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/markdown_table.h"

#include "fixtures/text.h"

#include <cctype>

namespace w4::cases::matrix {

std::string markdown_plain(std::string_view text, std::size_t bytes) {
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

std::string markdown_code(std::string_view text, std::size_t bytes) {
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

}  // namespace w4::cases::matrix
