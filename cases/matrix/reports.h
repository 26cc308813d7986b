// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/baseline.h"
#include "cases/matrix/matrix_options.h"

#include <string>

namespace w4::cases::matrix {

/// A result as JUnit XML, as CI systems read it: one <testsuite>, one <testcase> a case with its set as class name.
/// fail and flaky are a <failure>, crashed, timed-out and unreadable an <error>, both with the finding as text; skipped
/// and unsupported are <skipped>. With news (nullptr: without a baseline) a test case fails where there is news of it:
/// a pass with news is a <failure>, a case that is gone is a test case that fails, a known failure is <skipped>. What
/// the result was made with are its properties: the same result gives the same bytes.
std::string junit_of(const Results& results, const News* news);

/// The limit of a pull request's comment, in characters; every summary has fewer bytes.
inline constexpr std::size_t kMaxMarkdown = 65536;

/// A summary of a result in GitHub's Markdown: counts, the news against the baseline (null: none), red cases with
/// their findings and the commands that repeat them; folded: known failures, and cases that were not run.
std::string markdown_of(const Results& results, const News* news);

/// Called before anything long begins. Throws InputError for an invalid baseline and for a file that cannot be written.
void check_reports(const ReportFiles& files);

/// Writes the reports that were asked for, prints the summary and, with a baseline, the news. Each is tried
/// whether or not the others fail; then all failures are thrown as one InputError, `not_written` (of an earlier file;
/// empty: none) first. Returns the exit code: 1 for news with a baseline, for anything red without one; 125 where
/// nothing could be run: that is compared with no baseline.
int report_results(const Results& results, const ReportFiles& files, const std::string& not_written = "");

}  // namespace w4::cases::matrix
