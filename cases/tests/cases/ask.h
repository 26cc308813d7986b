// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/ask.h"

#include <string>
#include <vector>

namespace w4::test {

/// The options of a command line; shipped fixtures go by their folder's name.
cases::Options options_of(const std::string& command);

/// Takes progress that nobody reads.
inline constexpr auto kQuiet = [](std::string_view) {};

/// What bisect finds on a path, or on one that does things as the faults named in `planted` do.
cases::report::Report ask(const std::string& command, const cases::OwnPath& path);
cases::report::Report ask(const std::string& command, const std::vector<std::string>& planted = {});

/// The report that the command prints.
cases::report::Report report_of(const std::string& command);

/// The faults of all culprits, sorted, and all their evidence, a line each.
std::vector<std::string> faults_of(const cases::report::Report& report);
std::string evidence_of(const cases::report::Report& report);

/// Whether the words stand in the evidence of a culprit.
bool says(const cases::report::Report& report, const std::string& words);

}  // namespace w4::test
