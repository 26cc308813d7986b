// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/matrix_options.h"
#include "cases/matrix/record.h"

namespace w4::cases::matrix {

/// Called before anything long begins. Throws InputError for an invalid baseline and for a file that cannot be written.
void check_reports(const ReportFiles& files);

/// Writes the reports that were asked for, prints the summary and, with a baseline, the news. Each is tried
/// whether or not the others fail; then all failures are thrown as one InputError, `not_written` (of an earlier file;
/// empty: none) first. Returns the exit code: 1 for news with a baseline, for anything red without one; 125 where
/// nothing could be run: that is compared with no baseline.
int report_results(const Results& results, const ReportFiles& files, const std::string& not_written = "");

}  // namespace w4::cases::matrix
