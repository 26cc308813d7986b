// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/declines.h"

#include "fixtures/error.h"

#include <algorithm>

namespace w4::kernel::child {
namespace {

constexpr int kShapeNotSupported = 1;

bool nothing_done(const RunResult& result, const Task& task) {
  return result.launch_count == 0 && result.synchronise_error.empty() && result.trespasses.empty() &&
         std::ranges::all_of(result.C.cells(), [&](std::uint16_t bits) { return bits == task.launch.fill; });
}

std::string why(const RunResult& result) { return result.message.empty() ? "" : ": " + result.message; }

}  // namespace

void check_declined(const RunResult& result, const std::string& name) {
  if (result.return_code == kDeclines || result.exit_code == kDeclines)
    throw CannotTest("{} says that it does not take this case (code {}){}", name, kDeclines, why(result));
}

void check_refused(const RunResult& result, const Task& task, const std::string& name) {
  check_declined(result, name);
  if (result.exception.empty() && result.return_code == kShapeNotSupported && nothing_done(result, task))
    throw CannotTest("{} refuses this case: return code 1, nothing launched or written{}", name, why(result));
}

}  // namespace w4::kernel::child
