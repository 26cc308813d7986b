// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/child/kernel_case.h"

#include "cases/case/task.h"
#include "cases/tests/cases/chosen_faults.h"
#include "fixtures/error.h"

#include <sys/wait.h>

#include <filesystem>

namespace w4::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string plugin(const std::string& name) { return "plugin:" W4_PLUGINS "/" + name + ".so"; }

ForeignCase::ForeignCase(const std::string& command)
    : options(options_of(command)),
      prepared(cases::prepare(options.request)),
      task(cases::task_of(prepared, repack::repack(prepared.layer), options)) {}

cases::report::Report ask_kernel(const std::string& spec, int timeout_seconds, const std::string& command) {
  ForeignCase ready(command);
  ready.options.asked = cases::asked::Kernel{.spec = spec};
  ready.options.effort.timeout_seconds = timeout_seconds;
  ready.options.effort.most_faults = most_faults();
  return cases::report_on(ready.prepared, ready.options, kQuiet);
}

std::string refusal_of(const std::string& spec, const std::string& command) {
  const ForeignCase ready(command);
  try {
    kernel::child::open_kernel(spec, 60s)->run(ready.task);
  } catch (const Error& error) {
    return fmt::format("{}: {}", static_cast<int>(error.exit_code()), error.what());
  }
  return "ran";
}

Belongings belongings() {
  Belongings mine;
  siginfo_t info = {};
  mine.children = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? 1 : 0;  // ECHILD: none at all
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++mine.descriptors;
  return mine;
}

}  // namespace w4::test
