// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace w4::cases {

/// No line of a help text is wider.
inline constexpr int kHelpColumns = 80;

/// The text with no line wider than `columns`: a line breaks at spaces, and goes on below the place where its last
/// column of text began. A word wider than that is left whole, so that nothing is cut. A command (its text begins with
/// "./", "$ " or the name of a program of ours) breaks with a backslash and can still be pasted. 0: no limit.
std::string wrapped(std::string_view text, int columns);

/// Prints to standard output, wrapped to the width of the terminal where it is one.
void print(std::string_view text);

}  // namespace w4::cases
