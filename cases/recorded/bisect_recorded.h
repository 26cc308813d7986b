// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/case/prepare.h"
#include "cases/report/report.h"
#include "cases/search/progress.h"

namespace w4::cases::recorded {

/// The bisection of an output that an external program wrote. Nothing in between can be seen: known faults predict it,
/// and what they do not predict is described by its residual. Throws InputError.
report::Report bisect_recorded(const Prepared& prepared, const Options& options, const search::Progress& progress);

/// A recorded output, (M, N), in the type of the layer. Throws InputError.
Grid<std::uint16_t> recorded_output(const Prepared& prepared, const std::filesystem::path& path);

}  // namespace w4::cases::recorded
