// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/open_kernel.h"

#include <vector>

namespace w4::cases::probe {

/// Output column n of a kernel for an activation of one in column k of A and of zero elsewhere, k = 0..K-1: the weight
/// that it uses plus the bias, rounded. Row i of a launch is one in column k0 + i, with as many rows as the task
/// has, or more where that would take more than 64 launches. Empty: a launch failed.
std::vector<double> effective_column(kernel::child::ForeignKernel& kernel, const kernel::Task& task, int n);

}  // namespace w4::cases::probe
