// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/matrix_options.h"
#include "cases/matrix/record.h"

namespace w4::cases::matrix {

/// Said before anything long begins. Throws InputError for a baseline that is none and for a file that cannot be
/// written.
void check_reports(const ReportFiles& files);

/// Writes the reports that were asked for, prints the summary and, with a baseline, the news. Each is tried whatever
/// becomes of the others; then what could not be written is thrown (InputError), with `not_written`, what could not be
/// before (empty: nothing). Returns the exit code: with a baseline 1 for news, without one for anything red; 125 where
/// nothing could be run: that is held against no baseline.
int report_results(const Results& results, const ReportFiles& files, const std::string& not_written = "");

}  // namespace w4::cases::matrix
