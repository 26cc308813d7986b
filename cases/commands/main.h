// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/error.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <string_view>

namespace w4::cases {

/// The body of every main(): calls `run`, prints what it throws as "NAME: ..." and returns the exit code.
inline int run_program(const char* name, int argc, char** argv, int (*run)(int, char**)) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: internal error: {}\n", name, error.what());
    return kBadInput;
  }
}

/// Progress on stderr where that is a terminal: each step in place of the one before, but for one that ends its line;
/// the empty one takes the line away.
inline std::function<void(std::string_view)> progress_to_stderr(const char* name, bool quiet) {
  if (quiet || ::isatty(STDERR_FILENO) == 0) return [](std::string_view) {};
  return [name](std::string_view step) {
    fmt::print(stderr, "\r\033[K");
    if (!step.empty()) fmt::print(stderr, "{}: {}", name, step);
  };
}

}  // namespace w4::cases
