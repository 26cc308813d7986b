// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/report/report.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace w4::cases::report {

std::string_view name_of(Verdict verdict);       // "match", "mismatch", "cannot-test"
std::string_view name_of(StageVerdict verdict);  // "ok", "broken", "not-reached", "not-visible"
int exit_code_of(Verdict verdict);

/// A match of the path on a layer that lint does not believe to be the one that was meant.
bool is_doubtful_match(const Report& report);

/// The report as text; its last line is the command that repeats the finding.
std::string text_of(const Report& report, bool color);

/// The report by the schema of design.md, section 6.
nlohmann::ordered_json json_of(const Report& report);

}  // namespace w4::cases::report
