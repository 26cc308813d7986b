// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace w4::cases::report {

/// The text with U+FFFD in place of bytes that are not UTF-8 and of characters that XML 1.0 forbids (production 2:
/// controls but tab and line ends, surrogates, U+FFFE, U+FFFF). A kernel's error message may hold any bytes.
std::string clean_text(std::string_view text);

/// clean_text() on one line: line ends and tabs become spaces.
std::string one_line(std::string_view text);

/// At most `bytes` bytes of a clean text, cut between characters, and an ellipsis if anything was cut.
std::string shortened(const std::string& text, std::size_t bytes);

}  // namespace w4::cases::report
