// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/baseline_diff.h"

#include <string>

namespace w4::cases::matrix {

/// The limit of a pull request's comment, in characters; every summary has fewer bytes.
inline constexpr std::size_t kMaxMarkdown = 65536;
inline constexpr std::size_t kMarkdownRows = 20;  // of each table; then "and N more"

/// A summary of a result in GitHub's Markdown: counts, the news against the baseline (null: none), red cases with
/// their findings and the commands that repeat them; folded: known failures, and cases that were not run.
std::string markdown_of(const Results& results, const News* news);

}  // namespace w4::cases::matrix
