// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/case/own_path.h"
#include "cases/case/prepare.h"
#include "cases/report/report.h"
#include "cases/search/progress.h"

namespace w4::cases::search {

/// The bisection of design.md, section 5, on a path whose stages can be looked at: our repack and the lane model, with
/// the stages of `subject`. Every repacking stage is compared bit for bit with its definition, the kernel with the
/// known-good one on the same packed tensors, the output with the oracle; culprits are confirmed from both sides.
/// Verdict cannot_test: the known-good path itself fails here.
report::Report bisect(const Prepared& prepared, const OwnPath& subject, const Options& options,
                      const Progress& progress);

/// The same question of the user's kernel (kernel_spec(options.asked)), run on what our repack makes, in a process of
/// its own. How it ends, what it writes and what it leaves behind are looked at before its output is.
report::Report bisect_kernel(const Prepared& prepared, const Options& options, const Progress& progress);

}  // namespace w4::cases::search
