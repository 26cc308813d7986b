// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/case/prepare.h"
#include "cases/report/report.h"
#include "cases/search/progress.h"

namespace w4::cases::packed {

/// The bisection of packed tensors that an external program made: each repacking stage is undone, from the last to the
/// first, and the stages that did something else are named. Throws InputError for tensors that do not fit the layer.
report::Report bisect_packed(const Prepared& prepared, const Options& options, const search::Progress& progress);

}  // namespace w4::cases::packed
