// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/error.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>

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

}  // namespace w4::cases
