// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/record.h"

#include <string>

namespace w4::cases {

/// A result as JUnit XML, as CI systems read it: one <testsuite>, one <testcase> a case with its set as class name.
/// fail and flaky are a <failure>, crashed and timed-out an <error>, both with the finding as text; skipped and
/// unsupported are <skipped>. It holds no time of day and no host: the same result gives the same bytes.
std::string junit_of(const Results& results);

}  // namespace w4::cases
