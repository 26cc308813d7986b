// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

namespace w4::cases {

/// The body of every main(): calls `run`, prints what it throws as "NAME: ..." and returns the exit code. Standard
/// streams that are closed are replaced first. At every end of the program, std::exit() too, output that has not
/// reached standard output is one line and exit 129, whatever was found.
int run_program(const char* name, int argc, char** argv, int (*run)(int, char**));

/// This executable for as long as the process lives, wherever it is moved: /proc/self would be the guard of a worker.
inline std::string this_program() { return fmt::format("/proc/{}/exe", ::getpid()); }

/// Progress on stderr where that is a terminal: each step in place of the one before, but for one that ends its line;
/// the empty one takes the line away.
inline std::function<void(std::string_view)> progress_to_stderr(const char* name, bool quiet) {
  if (quiet || ::isatty(STDERR_FILENO) == 0) return [](std::string_view) {};
  return [name](std::string_view step) {
    const bool stays = step.ends_with('\n');
    if (stays) step.remove_suffix(1);
    fmt::print(stderr, "\r\033[K");
    if (!step.empty()) fmt::print(stderr, "{}: {}{}", name, shown(step), stays ? "\n" : "");
  };
}

}  // namespace w4::cases
