// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/oracle.h"
#include "cases/report/report.h"

namespace w4::cases::search {

/// What every report begins with.
report::Report new_report(const Prepared& prepared, const Options& options);

/// Output, counts, error and audit of a run, and the first 20 numbers.
void describe_output(const kernel::RunResult& result, const judge::Expected& expected, report::Report& report);

}  // namespace w4::cases::search
