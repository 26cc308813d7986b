// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace w4::kernel::child {

inline constexpr std::string_view kSanitizers[] = {"memcheck", "racecheck", "initcheck", "synccheck"};

/// The findings of a compute-sanitizer tool about a run.
struct SanitizerAnswer {
  std::string tool;
  bool finished = false;  // it wrote its summary; otherwise nothing is known, and the run does not count as clean
  std::string problem;    // why it did not finish
  long long errors = 0;   // hazards, with racecheck
  std::vector<std::string> findings;  // the first distinct ones
  bool write_after_read = false;      // kinds of hazard
  bool read_after_write = false;
  bool write_after_write = false;

  bool clean() const { return finished && errors == 0; }
  /// "racecheck: 12 errors: Race reported between ..."; "memcheck: no errors"; "synccheck did not finish: ..."
  std::string text() const;
};

/// Parses the log of the tool.
SanitizerAnswer parse_sanitizer(std::string_view tool, std::string_view log);

/// Runs a plug-in of kernel/plugin.h once under a tool, in a process of its own. Failures of the tool are in the
/// answer.
SanitizerAnswer sanitize(const std::filesystem::path& plugin, const Task& task, std::string_view tool,
                         std::chrono::milliseconds timeout);

}  // namespace w4::kernel::child
