// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/baseline.h"
#include "cases/matrix/record.h"
#include "cases/report/report.h"

#include <string>

namespace w4::cases::matrix {

/// The most cases with pictures. Findings and pictures together have a limit in bytes too; the page says what it leaves
/// out, in its summary and on the page of the case.
inline constexpr std::size_t kMostPictured = 500;

/// One self-contained HTML file: summary, cases to filter and search, and a page for each finding. Its sources are in
/// matrix/page/ and part of the program. News (nullptr: without a baseline) appear in the summary and on the page of
/// their case; known failures are marked.
std::string page_of(const Results& results, const News* news);

/// One finding of bisect as a result of one case, pictures included: what `bisect --html` draws.
Results results_of(const report::Report& report);

}  // namespace w4::cases::matrix
