// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/bisect.h"
#include "cases/box.h"
#include "cases/recipe_search.h"

namespace w4::cases {

/// The question of bisect() put to a black box: our own path, of which nothing but what it answers is looked at.
Report bisect_box(const Prepared& prepared, const Subject& subject, const Options& options, const Progress& progress);

/// Probes a box that gave `seen` for the case, names the recipes that predict all it answers, and puts culprits, probes
/// and, where nothing known explains it, what can be said all the same into the report. `launch`: of all probes.
/// Returns the number of launches made.
int probe_and_name(const Prepared& prepared, Box& box, const std::vector<kernel::RunResult>& seen,
                   const kernel::Launch& launch, const Options& options, const Progress& progress, Report& report);

}  // namespace w4::cases
