// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/faults/faults.h"
#include "cases/search/bisect.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace w4::cases::search {

/// Known wrong ways of different stages, as one guess at what somebody did.
using Hypothesis = std::vector<const faults::Fault*>;

repack::Recipe recipe_of(const Hypothesis& hypothesis);
std::string names_of(const Hypothesis& hypothesis);

/// Known faults of the repacking stages, alone or in twos of different stages. Toggles are no hypotheses.
std::vector<Hypothesis> repack_hypotheses(int size);

/// Culprits of the hypotheses that fit: one is a name, several are a class that nothing here tells apart, none is
/// "unexplained".
void accuse(const std::vector<Hypothesis>& fits, const std::vector<std::string>& evidence, const Options& options,
            report::Report& report);

/// Stage lines of a black box: the named stages are broken; those `seen` are sound by implication when `implied`
/// says why; the rest cannot be seen.
void describe_stages(const report::Report& report, std::span<const StageId> seen, std::string_view implied,
                     std::vector<report::StageLine>& lines);

}  // namespace w4::cases::search
