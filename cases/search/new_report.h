// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/oracle.h"
#include "cases/report/report.h"

namespace w4::cases::search {

/// What every report begins with.
report::Report new_report(const Prepared& prepared, const Options& options);

/// The report on a kernel whose answer to some launch is damaged: verdict and reason, no culprit, no numbers.
report::Report report_of_unreadable(const Prepared& prepared, const Options& options, const std::string& why);

/// Tells by which class of rounding the output is right.
void add_rounding(report::Report& report, const judge::RoundingClass& rounding, DType dtype);

/// The same with the output of a run: its first numbers, comparison, pictures and audit.
report::Report new_report(const Prepared& prepared, const Options& options, const kernel::RunResult& result,
                          const judge::Expected& expected);

}  // namespace w4::cases::search
