// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace w4::cases::report {

/// Text that every reader of the reports accepts: what is not UTF-8, and characters that XML 1.0 forbids (controls but
/// tab and line ends, surrogates, U+FFFE, U+FFFF; XML 1.0, production 2), become U+FFFD. A kernel's error message may
/// hold anything.
std::string clean_text(std::string_view text);

/// The same on one line: line ends and tabs are spaces.
std::string one_line(std::string_view text);

/// At most `bytes` bytes of a clean text, cut between characters; what was cut shows as an ellipsis beyond them.
std::string shortened(const std::string& text, std::size_t bytes);

}  // namespace w4::cases::report
