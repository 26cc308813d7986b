// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace w4::kernel::child {

/// `w4_guard REPORT PROGRAM ARGUMENT...` starts a program, ends as it ends, and leaves none of its descendants running,
/// wherever they moved. It is sent SIGTERM to end them early, by the system when the program that started it dies.
/// What keeps PROGRAM from starting is written to descriptor REPORT as an errno (int); nothing: it was started.
inline constexpr const char* kGuard = "w4_guard";

}  // namespace w4::kernel::child
