// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/oracle.h"
#include "kernel/run.h"

#include <string>

namespace w4::cases::explain {

/// The oracle for row m alone, (1, N), rounded where the sums of its 64-row problem are cut.
judge::Expected expected_row(const Prepared& prepared, const kernel::Task& task, int m);

/// What a slice of rows of B is to sum for output (m, n), 1 x 1: before the scale when one group is scaled at the end.
judge::Expected expected_slice(const Prepared& prepared, const kernel::Task& task, int m, int n, kernel::Slice rows);

/// What a kernel is to give for an activation of one, 1 x 1: the weight and the bias.
judge::Expected expected_weight(const Prepared& prepared, double weight, double bias);

/// ": return code 2": what a run that left an output unwritten says of itself, or nothing.
std::string how_it_ended(const kernel::RunResult& run);

}  // namespace w4::cases::explain
