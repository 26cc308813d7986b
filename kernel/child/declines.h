// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"

#include <string>

namespace w4::kernel::child {

/// The code by which a kernel declines a task: W4_CANNOT_TAKE of a plug-in, an answer or an exit code of a command.
inline constexpr int kDeclines = 125;

/// Throws CannotTest when the kernel declined the task by kDeclines. `name`: the kernel's.
void check_declined(const RunResult& result, const std::string& name);

/// The same of a plug-in, and by code 1 with nothing launched and nothing written: what the published entry point
/// returns for a shape that it does not support.
void check_refused(const RunResult& result, const Task& task, const std::string& name);

}  // namespace w4::kernel::child
