// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/baseline_diff.h"
#include "cases/matrix/record.h"

#include <string>

namespace w4::cases::matrix {

/// A result as JUnit XML, as CI systems read it: one <testsuite>, one <testcase> a case with its set as class name.
/// fail and flaky are a <failure>, crashed and timed-out an <error>, both with the finding as text; skipped and
/// unsupported are <skipped>. With news (nullptr: without a baseline) a test case fails where there is news of it: a
/// pass with news is a <failure>, a case that is gone is a test case that fails, a known failure is <skipped>. No time
/// of day, no host: the same result gives the same bytes.
std::string junit_of(const Results& results, const News* news);

}  // namespace w4::cases::matrix
