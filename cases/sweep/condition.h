// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/bisect.h"

namespace w4::cases::sweep {

/// Whether to look for a condition: for a mismatch of a kernel that can be launched, with --sweep, or when no known
/// fault explains the mismatch, launches do not start a command, and the options allow it.
bool wants_condition(const report::Report& report, const Options& options);

/// Finds the condition on the shape for this report's mismatch and adds it to the report; for an unexplained mismatch,
/// to the evidence too. `planted`: the recipe of our own path.
void add_condition(const Prepared& prepared, const Options& options, const repack::Recipe& planted,
                   const search::Progress& progress, report::Report& report);

}  // namespace w4::cases::sweep
