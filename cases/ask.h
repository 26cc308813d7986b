// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/bisect.h"

namespace w4::cases {

/// The report that `bisect` gives for these options: prepares the case, asks the path that they name and, where that is
/// wanted, looks for the condition on the shape. Throws InputError, CannotTest.
report::Report report_on(const Options& options, const search::Progress& progress);

/// The same for a prepared case, without the condition on the shape. The report's `rerun` is the command of `options`.
report::Report report_on(const Prepared& prepared, const Options& options, const search::Progress& progress);

}  // namespace w4::cases
