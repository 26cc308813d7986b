// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/open_kernel.h"

#include <string>
#include <vector>

namespace w4::cases::probe {

/// Output column n of a kernel for an activation of one in column k of A and of zero elsewhere, k = first..end-1: the
/// weight that it uses plus the bias, rounded. Row i of a launch is one in column k0 + i; a launch has the rows of the
/// task, for a kernel may do otherwise at another M.
struct EffectiveColumn {
  int rows = 0;                 // of a launch; more than the task's where that would take more than 512 launches
  std::vector<double> outputs;  // from `first` on; empty: a launch failed
  std::optional<kernel::RunResult> failed = {};
};
EffectiveColumn effective_column(kernel::child::ForeignKernel& kernel, const kernel::Task& task, int n, int first,
                                 int end);

}  // namespace w4::cases::probe
