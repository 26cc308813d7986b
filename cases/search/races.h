// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/report/report.h"
#include "cases/search/launch_trials.h"
#include "kernel/child/sanitizer.h"

#include <string>
#include <vector>

namespace w4::cases::search {

/// The races of a kernel on a GPU whose launches differ by more than rounding, told apart by probes:
///
///                       equal scales   one slice a block   one block   equal rows of K   scales carry their group
///   scale-ring-refill   equal          (equal)             (equal)     equal             that of a later group is used
///   smem-race           differ         differ              -           equal             that of an earlier one may be
///   writeout-race       differ         equal               differ      differ            -
///   hand-over           differ         equal               equal       differ            -
///
/// What racecheck says decides where probes do not, and never alone. Operands that are not the right ones are read too
/// early (smem-race) or overwritten too early: without a hazard of racecheck both are told. `difference`: the text
/// about the launches.
std::vector<report::Culprit> name_races(LaunchTrials& trials,
                                        const std::vector<kernel::child::SanitizerAnswer>& sanitizers,
                                        const std::string& difference);

/// Whether an answer is evidence: a hazard is where launches differ by more than rounding, and else a note (the value
/// is not used, or comes in time all the same).
bool is_evidence(const kernel::child::SanitizerAnswer& answer, const LaunchTrials& trials);

/// The answer as a note, with what it is not evidence for.
std::string note_of(const kernel::child::SanitizerAnswer& answer, const LaunchTrials& trials);

}  // namespace w4::cases::search
