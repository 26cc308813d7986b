// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/bisect.h"

namespace w4::cases {

/// What --inject and --set of these options plant. Throws InputError for an unknown name or two wishes for one stage.
repack::Recipe planted_by(const Options& options);

/// The report that `bisect` gives for these options: the case is made ready, the path they name is asked, and, where
/// that is wanted, the condition on the shape is looked for. Throws InputError, CannotTest.
report::Report report_on(const Options& options, const search::Progress& progress);

/// The same of a case that is ready; `planted` is how our own path does its stages, another kernel's knows nothing of
/// it. rerun is the command of `options`. No condition is looked for.
report::Report report_on(const Prepared& prepared, const Options& options, const repack::Recipe& planted,
                         const search::Progress& progress);

}  // namespace w4::cases
