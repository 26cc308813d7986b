// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/baseline_diff.h"
#include "cases/matrix/record.h"
#include "cases/report/report.h"

#include <string>

namespace w4::cases::matrix {

/// Cases of which the page carries the pictures. It also has a limit in bytes for findings and pictures together; what
/// is left out it says, in its summary and on the page of the case.
inline constexpr std::size_t kMostPictured = 500;

/// One HTML file that holds all it needs: summary, cases to filter and search, and a page for each finding. The pieces
/// that people write lie in matrix/page/ and are part of the program. News (nullptr: without a baseline) stand in the
/// summary and on the page of their case, and known failures are told from new ones.
std::string page_of(const Results& results, const News* news);

/// One finding of bisect as a result of one case, pictures included: what `bisect --html` draws.
Results results_of(const report::Report& report);

}  // namespace w4::cases::matrix
