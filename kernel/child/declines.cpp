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

}  // namespace

void check_declined(const RunResult& result, const Task& task, const std::string& name) {
  const std::string why = result.message.empty() ? "" : ": " + result.message;
  if (result.return_code == kDeclines || result.exit_code == kDeclines)
    throw CannotTest("{} says that it does not take this case (code {}){}", name, kDeclines, why);
  if (result.exception.empty() && result.return_code == kShapeNotSupported && nothing_done(result, task))
    throw CannotTest("{} refuses this case: return code 1, nothing launched or written{}", name, why);
}

}  // namespace w4::kernel::child
