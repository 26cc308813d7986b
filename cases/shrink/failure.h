// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/report/report.h"

#include <set>
#include <string>
#include <utility>

namespace w4::cases::shrink {

/// Identifies a failure. Two failures are the same one if all members are equal.
struct Failure {
  report::Verdict verdict = report::Verdict::match;
  std::set<std::pair<std::string, std::string>> culprits;  // stage, fault
  bool output_wrong = false;
  std::set<std::string> kinds;  // "NaN", "return code 2"; compared only if a culprit is missing or unexplained

  friend bool operator==(const Failure&, const Failure&) = default;
};

Failure failure_of(const report::Report& report);

/// "scale-perm-missing in stage scale_order; the output is wrong", one line.
std::string text_of(const Failure& failure);

}  // namespace w4::cases::shrink
