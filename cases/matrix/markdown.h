// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/baseline_diff.h"

#include <string>

namespace w4::cases::matrix {

/// A comment on a pull request takes so many characters; the summary has fewer bytes, whatever the result.
inline constexpr std::size_t kMaxMarkdown = 65536;
inline constexpr std::size_t kMarkdownRows = 20;  // of each table; then "and N more"

/// A summary of a result in GitHub's Markdown: counts, the news where there is a baseline (else null), red cases with
/// their findings and the commands that repeat them, and folded away what was known before and what was not run.
std::string markdown_of(const Results& results, const News* news);

}  // namespace w4::cases::matrix
