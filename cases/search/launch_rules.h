// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/report/report.h"
#include "cases/search/launch_trials.h"
#include "kernel/child/sanitizer.h"

#include <string>
#include <string_view>
#include <vector>

namespace w4::cases::search {

// Faults that show in how a launch ends and in what it leaves behind, whatever the numbers of its output. Each is a
// rule: what must have been seen, and the one change that cures the fault or makes it show.

/// The culprit of a fault of run_faults(), without a rerun command.
report::Culprit named(std::string_view id, std::vector<std::string> evidence);

/// What ended the launch, when it did not end well or wrote nothing: at most one culprit, or "unexplained".
std::vector<report::Culprit> faults_of_end(LaunchTrials& trials);

/// The culprit for an end that no rule explains: named by the type of an exception, otherwise "unexplained".
report::Culprit culprit_of_end(const kernel::RunResult& result);

/// What it did beside its output: wrote outside its buffers, left its locks, took another stream.
std::vector<report::Culprit> faults_of_side_effects(LaunchTrials& trials);

/// What its launches differ in, and what it does to an output that was not empty.
std::vector<report::Culprit> faults_of_repeats(LaunchTrials& trials,
                                               const std::vector<kernel::child::SanitizerAnswer>& sanitizers);

/// A launch with the workspace that --workspace asks for.
std::vector<report::Culprit> faults_of_workspace(LaunchTrials& trials, const std::string& how);

}  // namespace w4::cases::search
