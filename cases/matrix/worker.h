// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/case_runner.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace w4::cases::matrix {

/// A worker runs cases in a process of its own, so that one that crashes, hangs or eats memory takes no other with it.
/// Over a channel come requests, lines of JSON: {"case": text, "bisect": bool}. Answers are lines too: the record of a
/// check, {"record": ..., "done": bool}, and where done was false the same record again, with bisect's finding; or
/// {"bad_input": line}, which ends the whole run.
inline constexpr int kWorkerChannel = 3;  // its descriptor there

/// The program's first argument that makes it a worker; the plan, as JSON, is the second.
inline constexpr const char* kWorkerWord = "--worker";

nlohmann::json json_of(const RunPlan& plan);

/// Serves until the other end closes. Returns the exit code.
int serve_cases(const std::string& plan);

/// Reads from a channel into `buffer`, which then may hold a whole line. False: the other end is closed.
bool read_more(int channel, std::string& buffer);

/// Takes the first line out of the buffer, if it holds one.
bool take_line(std::string& buffer, std::string& line);

/// False: the other end is closed.
bool write_line(int channel, const nlohmann::ordered_json& value);

}  // namespace w4::cases::matrix
