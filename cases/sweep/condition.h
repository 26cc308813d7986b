// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/bisect.h"

namespace w4::cases::sweep {

/// Whether a report gets a condition: a mismatch of something that can be launched, when --sweep asks for it or, unless
/// each launch starts a command or the options say otherwise, when nothing known explains the mismatch.
bool wants_condition(const report::Report& report, const Options& options);

/// Looks for the condition on the shape under which the mismatch of this report shows, and puts it there; of a mismatch
/// that is unexplained, into its evidence too. `planted`: what our own path does wrong.
void add_condition(const Prepared& prepared, const Options& options, const repack::Recipe& planted,
                   const search::Progress& progress, report::Report& report);

}  // namespace w4::cases::sweep
