// SPDX-License-Identifier: Apache-2.0
#include "cases/search/launch_rules.h"

#include "cases/faults/run_faults.h"
#include "cases/judge/launch_repeats.h"
#include "cases/search/races.h"
#include "fixtures/error.h"
#include "kernel/child/declines.h"

#include <fmt/format.h>

#include <algorithm>

namespace w4::cases::search {

report::Culprit named(std::string_view id, std::vector<std::string> evidence) {
  for (const faults::RunFault& fault : faults::run_faults())
    if (fault.id == id)
      return {.stage = fault.stage, .fault = fault.id, .evidence = std::move(evidence), .cure = fault.cure};
  throw Error(kBadInput, fmt::format("no fault is called {}", id));
}

namespace {

using kernel::KernelLaunch;
using kernel::RunResult;
using Culprits = std::vector<report::Culprit>;

report::Culprit unexplained(const std::string& stage, std::vector<std::string> evidence) {
  return {.stage = stage, .fault = "unexplained", .evidence = std::move(evidence)};
}

bool all_unwritten(const LaunchTrials& trials, const RunResult& result) {
  const std::uint16_t fill = trials.task().launch.fill;
  return std::all_of(result.C.cells().begin(), result.C.cells().end(), [&](std::uint16_t c) { return c == fill; });
}

const KernelLaunch* failed_launch(const RunResult& result) {
  for (const KernelLaunch& launch : result.kernel_launches)
    if (!launch.error.empty()) return &launch;
  return nullptr;
}

bool is_one_of(const std::string& error, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return error == name; });
}

// How a launch is refused.

constexpr int kUnaskedSharedBytes = 49152;  // without an opt-in

bool asks_for_too_much_shared(const KernelLaunch& launch) {
  const int allowed = launch.binary_version > 0 ? launch.dynamic_bytes_allowed : kUnaskedSharedBytes;
  return launch.dynamic_bytes > allowed;
}

bool is_no_grid(const KernelLaunch& launch) {
  constexpr int kMostYZ = 65535;
  const auto bad = [](int size) { return size <= 0; };  // the driver's are unsigned: 2^31 and more
  return std::any_of(launch.grid.begin(), launch.grid.end(), bad) ||
         std::any_of(launch.block.begin(), launch.block.end(), bad) || launch.grid[1] > kMostYZ ||
         launch.grid[2] > kMostYZ;
}

report::Culprit fault_of_refusal(const RunResult& seen, const std::string& error) {
  const KernelLaunch* const launch = failed_launch(seen);
  if (is_one_of(error, {"cudaErrorNoKernelImageForDevice", "cudaErrorInvalidDeviceFunction",
                        "cudaErrorUnsupportedPtxVersion", "cudaErrorInvalidKernelImage"}))
    return named("no-kernel-image", {});
  if (error == "cudaErrorMemoryAllocation") return named("out-of-memory", {});
  if (launch != nullptr && asks_for_too_much_shared(*launch))
    return named(
        "smem-optin-fail",
        {fmt::format("the kernel asks for {} bytes of dynamic shared memory, {} are allowed", launch->dynamic_bytes,
                     launch->binary_version > 0 ? launch->dynamic_bytes_allowed : kUnaskedSharedBytes)});
  if (error == "cudaErrorInvalidConfiguration" || (launch != nullptr && is_no_grid(*launch)))
    return named("grid-or-sms-invalid", {});
  return unexplained("launch", {});
}

// How a launch is lost after it was good.

report::Culprit fault_of_illegal_instruction(LaunchTrials& trials) {
  constexpr int kOtherRows = 32;
  const int M = trials.task().A.rows();
  if (M > kOtherRows) return named("ptx-illegal-on-arch", {});
  const bool passes = trials.with_rows(kOtherRows).ran();
  const std::string other =
      fmt::format("with M={} the same kernel {}", kOtherRows, passes ? "runs" : "ends the same way");
  const bool hint = passes && !trials.task().packed.one_group() && M <= 16;
  return named(hint ? "l2-hint-illegal" : "ptx-illegal-on-arch", {other});
}

report::Culprit fault_of_illegal_address(LaunchTrials& trials) {
  const RunResult& alone = trials.with_one_block();
  if (trials.right(alone)) {
    const std::string cure = "with one thread block, where no partial sum is handed over, the output is right";
    const auto locks = trials.first().workspace.size();
    const bool larger =
        locks > 0 && trials.right(trials.with_workspace("larger workspace", std::vector<std::int32_t>(8 * locks)));
    if (larger)
      return named("lock-workspace-small",
                   {cure, "with eight times the workspace that the kernel asks for, the output is right too"});
    return named("ctmp-null-or-small",
                 {cure, locks > 0 ? "eight times the workspace that the kernel asks for changes nothing"
                                  : "the kernel asks for no workspace"});
  }
  return unexplained("", {alone.ran() ? "with one thread block the kernel runs, but the output is still wrong"
                                      : "with one thread block the launch fails too"});
}

report::Culprit fault_of_hang(LaunchTrials& trials) {
  const RunResult& alone = trials.with_one_block();
  if (!alone.timed_out)
    return named("lock-never-set",
                 {fmt::format("with one thread block, where no block waits for a lock, the kernel ends{}",
                              trials.right(alone) ? ", and the output is right" : "")});
  return named("endless-spin", {"with one thread block, where no block waits for a lock, the kernel hangs too"});
}

report::Culprit fault_of_loss(LaunchTrials& trials) {
  const RunResult& seen = trials.first();
  const std::string& error = seen.synchronise_error;
  if (seen.timed_out) return fault_of_hang(trials);
  if (error == "cudaErrorIllegalInstruction") return fault_of_illegal_instruction(trials);
  if (error == "cudaErrorIllegalAddress") return fault_of_illegal_address(trials);
  if (error == "cudaErrorAssert") return named("device-assert", {"CUDA printed the failed assertion on stderr"});
  if (error == "cudaErrorLaunchFailure")
    return named("device-trap",
                 {"CUDA reports this error for a trap, and for exceptions that have no error of their own"});
  return unexplained("launch", {});
}

// Nothing is written, and no error is reported.

/// An empty function still has a frame and its parameters; one that multiplies has some ten times more.
constexpr int kRegistersOfNothing = 8;

Culprits fault_of_silence(const LaunchTrials& trials) {
  const RunResult& seen = trials.first();
  if (!trials.kernel().on_device() || !seen.launches_watched) return {};
  if (seen.launch_count == 0)
    return {named("instantiation-missing-rc-ignored", {"the call returned 0, but no kernel was launched"})};
  int most = 0;
  for (const KernelLaunch& launch : seen.kernel_launches) most = std::max(most, launch.registers);
  if (most <= kRegistersOfNothing)
    return {named("arch-guard-empty-body",
                  {fmt::format("the kernel ran without an error, with {} registers: its body is empty", most)})};
  return {
      named("output-to-temporary",
            {fmt::format("the kernel ran without an error, with {} registers, but changed nothing that it was given",
                         most)})};
}

}  // namespace

Culprits faults_of_end(LaunchTrials& trials) {
  const RunResult& seen = trials.first();
  if (!seen.launch_error.empty()) return {fault_of_refusal(seen, seen.launch_error)};
  if (seen.timed_out || !seen.synchronise_error.empty()) {
    if (trials.kernel().on_device()) return {fault_of_loss(trials)};
    return {unexplained("launch", {})};
  }
  if (!seen.unchecked_launch_error.empty() && !trials.right(seen))
    return {fault_of_refusal(seen, seen.unchecked_launch_error)};
  constexpr int kNoInstantiation = 2;
  if (trials.kernel().on_device() && seen.return_code == kNoInstantiation && all_unwritten(trials, seen))
    return {named("instantiation-missing-rc-ignored",
                  {"2 is what the published entry point returns for a block_tile and group_size that it was not "
                   "compiled for; nothing is written"})};
  if (!seen.ran()) return {};
  if (all_unwritten(trials, seen)) return fault_of_silence(trials);
  return {};
}

report::Culprit culprit_of_end(const RunResult& result) {
  report::Culprit culprit = unexplained("launch", {});
  if (result.exception.empty()) return culprit;
  culprit.fault = result.exception.substr(0, result.exception.find(':'));
  culprit.cure = "the traceback on stderr has the line";
  return culprit;
}

namespace {

bool starts_with_any(const std::vector<std::string>& lines, std::string_view begin) {
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(begin); });
}

void look_at_guards(const RunResult& seen, Culprits& found) {
  const auto behind = [&](const char* buffer) {
    return std::any_of(seen.trespasses.begin(), seen.trespasses.end(), [&](const std::string& line) {
      return line.starts_with(std::string(buffer) + ": ") && line.find("behind its end") != std::string::npos;
    });
  };
  if (seen.trespasses.empty()) return;
  if (behind("workspace"))
    found.push_back(named("lock-workspace-small", seen.trespasses));
  else if (behind("scratch"))
    found.push_back(named("ctmp-null-or-small", seen.trespasses));
  else if (starts_with_any(seen.trespasses, "C: "))
    found.push_back(named("output-overrun", seen.trespasses));
  else
    found.push_back(named("writes-outside", seen.trespasses));
}

std::ptrdiff_t dirty_words(const RunResult& result) {
  return std::count_if(result.workspace.begin(), result.workspace.end(), [](std::int32_t word) { return word != 0; });
}

/// What is wrong with a second launch on the workspace that the first one left; empty: nothing.
std::string second_launch(LaunchTrials& trials, const RunResult& second) {
  const std::string what = "a second launch on the workspace of the first ";
  if (second.timed_out) return what + "hangs";
  if (!second.ran()) return what + "does not return 0";
  const judge::Comparison output = trials.compared(second);
  return output.right() ? "" : what + fmt::format("has {} of {} outputs wrong", output.wrong, output.count);
}

void look_at_locks(LaunchTrials& trials, const RunResult& seen, Culprits& found) {
  const auto dirty = dirty_words(seen);
  if (dirty == 0 || !seen.ran()) return;
  std::vector<std::string> evidence = {
      fmt::format("{} of {} words of the workspace are left non-zero", dirty, seen.workspace.size())};
  const std::string second =
      second_launch(trials, trials.with_workspace("workspace of the first launch", seen.workspace));
  evidence.push_back(second.empty() ? "a second launch on the workspace of the first is still right" : second);
  if (second.empty())
    found.push_back(unexplained("reduce", evidence));
  else
    found.push_back(named("lock-workspace-dirty", evidence));
}

void look_at_stream(LaunchTrials& trials, Culprits& found) {
  const RunResult& seen = trials.first();
  if (!trials.kernel().on_device() || !trials.right(seen)) return;
  const RunResult& late = trials.with_late_A();
  if (trials.right(late)) return;
  std::vector<std::string> evidence = {
      fmt::format("when A arrives late on the given stream, {} of {} outputs are wrong; when A is there before, none",
                  trials.compared(late).wrong, late.C.size())};
  for (const KernelLaunch& launch : late.kernel_launches)
    if (!launch.on_given_stream) evidence.push_back(launch.kernel + " was launched on another stream");
  found.push_back(named("wrong-stream", evidence));
}

/// First launch that matches `seen`, else launch 0.
template <class Seen>
const RunResult& first_that(const LaunchTrials& trials, Seen seen) {
  const auto found = std::ranges::find_if(trials.launches(), seen);
  return found == trials.launches().end() ? trials.first() : *found;
}

}  // namespace

Culprits faults_of_side_effects(LaunchTrials& trials) {
  Culprits found;
  look_at_guards(first_that(trials, [](const RunResult& result) { return !result.trespasses.empty(); }), found);
  look_at_locks(trials, first_that(trials, [](const RunResult& result) { return dirty_words(result) > 0; }), found);
  look_at_stream(trials, found);
  return found;
}

namespace {

void look_at_repeats(LaunchTrials& trials, const std::vector<kernel::child::SanitizerAnswer>& sanitizers,
                     Culprits& found) {
  const std::vector<RunResult>& launches = trials.launches();
  const bool benign =
      std::all_of(launches.begin(), launches.end(), [&](const RunResult& r) { return trials.right(r); });
  if (!launches.back().ran() || benign || !judge::repeats_of(launches, trials.expected()).apart) return;
  const std::string difference = judge::difference_text(launches);
  if (trials.kernel().on_device())
    found = name_races(trials, sanitizers, difference);
  else
    found.push_back(unexplained("", {difference}));
}

void look_at_zeroed_output(LaunchTrials& trials, Culprits& found) {
  const RunResult& seen = trials.first();
  const judge::Comparison output = trials.compared(seen);
  if (!seen.ran() || output.nan == 0 || output.unwritten == output.count) return;
  if (!trials.right(trials.with_zeroed_C())) return;
  found.push_back(named(
      "output-not-zeroed-atomic",
      {fmt::format("with NaN in C before the launch {} outputs are NaN; with zeros in C all are right", output.nan)}));
}

}  // namespace

Culprits faults_of_repeats(LaunchTrials& trials, const std::vector<kernel::child::SanitizerAnswer>& sanitizers) {
  Culprits found;
  look_at_zeroed_output(trials, found);
  if (found.empty()) look_at_repeats(trials, sanitizers, found);
  return found;
}

Culprits faults_of_workspace(LaunchTrials& trials, const std::string& how) {
  constexpr std::int32_t kDirt = 0x5A;
  const RunResult& seen = trials.first();
  if (how.empty() || !seen.ran() || seen.workspace.empty()) return {};
  std::vector<std::int32_t> workspace(how == "dirty" ? seen.workspace.size() : seen.workspace.size() / 2,
                                      how == "dirty" ? kDirt : 0);
  if (workspace.empty()) return {};
  const RunResult& result = trials.with_workspace(how + " workspace", std::move(workspace));
  if (trials.right(result) && result.trespasses.empty()) return {};
  if (result.return_code == kernel::child::kDeclines) return {};  // it looks before it launches
  const std::string outcome =
      result.timed_out ? "the kernel hangs"
      : !result.ran()  ? "the kernel does not return 0"
                       : fmt::format("{} of {} outputs are wrong", trials.compared(result).wrong, result.C.size());
  std::vector<std::string> evidence = {
      fmt::format("with a {} workspace {}; with a clean one the kernel ends without an error", how, outcome)};
  evidence.insert(evidence.end(), result.trespasses.begin(), result.trespasses.end());
  return {named(how == "dirty" ? "lock-workspace-dirty" : "lock-workspace-small", evidence)};
}

}  // namespace w4::cases::search
