// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/oracle.h"
#include "cases/report/report.h"

namespace w4::cases {

/// What every report begins with.
Report new_report(const Prepared& prepared, const Options& options);

/// Output, counts, error and audit of a run, and the first 20 numbers.
void describe_output(const kernel::RunResult& result, const Expected& expected, Report& report);

}  // namespace w4::cases
