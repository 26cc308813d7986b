// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/oracle.h"
#include "kernel/run.h"

#include <optional>
#include <string>

namespace w4::cases::explain {

/// The oracle for row m alone, (1, N), rounded where partial sums of its 64-row problem are handed over.
judge::Expected expected_row(const Prepared& prepared, const kernel::Task& task, int m);

/// The right sum of a slice for output (m, n), 1 x 1; unscaled with one group.
judge::Expected expected_slice(const Prepared& prepared, const kernel::Task& task, int m, int n, kernel::Slice rows);

/// The right output for an activation of one, 1 x 1: weight + bias. `rounding`: of the kernel; none: ours.
judge::Expected expected_weight(const Prepared& prepared, const judge::WeightParts& parts, double bias,
                                const std::optional<judge::RoundingClass>& rounding);

/// ": return code 2": how a run that left an output unwritten failed, or nothing.
std::string how_it_ended(const kernel::RunResult& run);

}  // namespace w4::cases::explain
