// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/own_path.h"
#include "cases/report/report.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace w4::cases::search {

/// What is wrong with the kernel half of a path, judged on the packed tensors that it was really given.
struct KernelSearch {
  std::vector<kernel::RunResult> launches;  // as the path came, launch numbers 0, 1, ...
  kernel::RunResult good;                   // the known-good kernel on the same packed tensors
  std::vector<report::Culprit> culprits;    // evidence so far; no rerun command yet
  std::vector<std::string> differences;     // how the path's launches differ from the good one; empty: they do not
};

/// Runs the kernel `repeat` times and the known-good one once. Where they differ, leaves one stage at a time as the
/// path does it, all others put right, and looks for the known wrong way that reproduces what is seen then bit for bit
/// (output, unwritten elements, return code, errors, workspace); then for two ways that act only together. Puts right
/// what it found and goes on, because faults stack. A race cannot be reproduced: it is named when repetitions differ,
/// and its stage put right alone makes them equal.
KernelSearch search_kernel(const OwnPath& subject, const kernel::Task& task, int repeat,
                           const std::function<void(std::string_view)>& step);

/// Equal in every bit and in the way it ended.
bool same_result(const kernel::RunResult& a, const kernel::RunResult& b);

/// "output: 12 of 512 differ", "workspace: 3 locks not zero", "return code 2", ...
std::vector<std::string> differences(const kernel::RunResult& got, const kernel::RunResult& good);

}  // namespace w4::cases::search
