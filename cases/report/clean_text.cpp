// SPDX-License-Identifier: Apache-2.0
#include "cases/report/clean_text.h"

#include <algorithm>

namespace w4::cases::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Character {
  char32_t value = 0;
  std::size_t bytes = 0;  // 0: the text does not begin with a character
};

constexpr std::size_t bytes_after(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >> 5 == 0b110) return 2;
  if (lead >> 4 == 0b1110) return 3;
  return lead >> 3 == 0b11110 ? 4 : 0;
}

/// The first character of a text (RFC 3629): no longer than it needs to be.
constexpr Character first_of(std::string_view text) {
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = bytes_after(lead);
  if (bytes == 0 || bytes > text.size()) return {};
  char32_t value = bytes == 1 ? lead : lead & (0xFFu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if (next >> 6 != 0b10) return {};
    value = value << 6 | (next & 0x3F);
  }
  return value < kLeast[bytes] ? Character{} : Character{.value = value, .bytes = bytes};
}

constexpr bool is_allowed(char32_t c) {
  if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
  return c <= 0xD7FF || (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF);
}

}  // namespace

std::string clean_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character c = first_of(text);
    const std::size_t bytes = c.bytes > 0 ? c.bytes : 1;
    out += c.bytes > 0 && is_allowed(c.value) ? text.substr(0, bytes) : kReplacement;
    text.remove_prefix(bytes);
  }
  return out;
}

std::string one_line(std::string_view text) {
  std::string line = clean_text(text);
  std::ranges::replace_if(
      line, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return line;
}

std::string shortened(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes) + "…";
}

}  // namespace w4::cases::report
