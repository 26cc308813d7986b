// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/compare.h"
#include "kernel/run.h"

#include <string>
#include <vector>

namespace w4::cases::sweep {

/// What is wrong with a launch, by kinds: "return code 2", "a hang", "a crash", "an exception", "a launch error"; of
/// one that ran "wrong values" or "rounding", and "what it leaves behind". Empty: nothing. `output`: of result.C.
std::vector<std::string> failure_kinds(const kernel::RunResult& result, const judge::Comparison& output, DType dtype);

}  // namespace w4::cases::sweep
