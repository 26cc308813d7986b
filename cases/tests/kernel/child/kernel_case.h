// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/tests/cases/ask.h"
#include "kernel/child/open_kernel.h"

#include <string>

namespace w4::test {

/// The spec of a plug-in that the tests build: "sound", or one of bad_plugin.c.
std::string plugin(const std::string& name);

/// The task of "b 128 --m 4" on the shipped layer, or of another command.
struct ForeignCase {
  explicit ForeignCase(const std::string& command = "b 128 --m 4");
  cases::Options options;
  cases::Prepared prepared;
  kernel::Task task;
};

/// What bisect says of a kernel on that case. The time limit is for slow machines; what hangs gets kShort.
inline constexpr int kLong = 60, kShort = 1;
cases::report::Report ask_kernel(const std::string& spec, int timeout_seconds = kLong,
                                 const std::string& command = "b 128 --m 4");

/// The message of the Error that opening and running a kernel throws, and its exit code: "125: ..."; or "ran".
std::string refusal_of(const std::string& spec, const std::string& command = "b 128 --m 4");

/// Child processes and open descriptors that are ours now.
struct Belongings {
  int children = 0;
  int descriptors = 0;
  friend bool operator==(const Belongings&, const Belongings&) = default;
};
Belongings belongings();

}  // namespace w4::test
