// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/report/report.h"
#include "cases/search/launch_trials.h"
#include "kernel/child/sanitizer.h"

#include <string>
#include <vector>

namespace w4::cases::search {

// Faults that show in how a launch ends and in what it leaves behind, before a number of its output is looked at. Each
// is a rule: what must have been seen, and the change of one thing that cures it or makes it show.

/// What ended the launch, when it did not end well or wrote nothing: at most one culprit, or "unexplained".
std::vector<report::Culprit> faults_of_end(Trials& trials);

/// What it did beside its output: wrote outside its buffers, left its locks, took another stream.
std::vector<report::Culprit> faults_of_side_effects(Trials& trials);

/// What its launches differ in, and what it does to an output that was not empty.
std::vector<report::Culprit> faults_of_repeats(Trials& trials,
                                               const std::vector<kernel::child::SanitizerAnswer>& sanitizers);

/// A launch with the workspace that --workspace asks for.
std::vector<report::Culprit> faults_of_workspace(Trials& trials, const std::string& how);

/// Most elements that two launches of the same task differ in.
std::size_t most_differing(const std::vector<kernel::RunResult>& launches);

}  // namespace w4::cases::search
