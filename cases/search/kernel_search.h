// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/own_path.h"
#include "cases/report/report.h"
#include "cases/search/progress.h"

#include <optional>
#include <string>
#include <vector>

namespace w4::cases::search {

/// Launches of the path's kernel, numbered 0, 1, ..., and one of the known-good kernel on the same packed tensors.
struct KernelRuns {
  std::vector<kernel::RunResult> launches;
  kernel::RunResult good;

  bool all_good() const { return judge::all_equal(launches) && judge::same_result(launches[0], good); }
};

/// `repeat` launches and the known-good one. `first` is launch 0, where it was made already.
KernelRuns run_kernels(const OwnPath& subject, const kernel::Task& task, int repeat,
                       std::optional<kernel::RunResult> first = {});

/// The faults of the kernel half of a path, with evidence and no rerun command. `seen` are its launches of `task`.
/// Where they differ from the known-good one, leaves one stage at a time as the path does it, all others put right, and
/// looks for the known wrong way that reproduces the result bit for bit (output, unwritten elements, return code,
/// errors, workspace); then for two ways that act only together. Puts right what it found and goes on, because faults
/// stack. A race cannot be reproduced: it is named when launches differ and its stage put right alone makes them equal.
std::vector<report::Culprit> search_kernel(const OwnPath& subject, const kernel::Task& task, const KernelRuns& seen,
                                           const Progress& step);

}  // namespace w4::cases::search
