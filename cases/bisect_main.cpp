// SPDX-License-Identifier: Apache-2.0
// bisect MODE GROUP [options]: names the transform that breaks a W4A16 path. See --help.
#include "cases/bisect.h"
#include "cases/faults.h"
#include "cases/repack_search.h"
#include "cases/report.h"
#include "cases/toggles.h"
#include "fixtures/error.h"
#include "kernel/lane_model.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace {

using namespace w4;
using namespace w4::cases;

Progress progress_to_stderr(const Options& options) {
  if (options.quiet || ::isatty(STDERR_FILENO) == 0) return [](std::string_view) {};
  return [](std::string_view step) { fmt::print(stderr, "\r\033[Kbisect: {}", step); };
}

void clear_progress(const Options& options) {
  if (!options.quiet && ::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
}

void list_faults() {
  for (const Fault& fault : faults())
    if (!fault.id.empty())
      fmt::print("{:<34} {:<12} {}\n{:<34} {:<12} seen when {}\n", fault.name, fault.stage, fault.what, "", "",
                 fault.visible);
}

/// What was planted and not found: either it cannot show in this case, or it was missed; the two must not be confused.
void judge_planted(const Prepared& prepared, const Options& options, const repack::Recipe& planted, Report& report) {
  std::vector<std::string> unseen;
  for (const auto& [stage, variant] : planted) {
    bool named = variant == "reference";
    for (const Culprit& culprit : report.culprits) named = named || culprit.stage == stage;
    if (!named)
      unseen.push_back(fmt::format("{} cannot show in this case: it is seen when {}", fault_of(stage, variant).name,
                                   fault_of(stage, variant).visible));
  }
  if (unseen.empty()) return;
  for (const std::string& line : unseen) report.notes.push_back(line);
  if (report.verdict != Verdict::match) return;
  const repack::Packed packed = repack::packed_of(repack_with(prepared.layer, planted));
  const kernel::Task task = task_of(prepared, packed, options);
  const auto with = kernel::run_lane_model(task, planted),
             without = kernel::run_lane_model(task_of(prepared, repack::repack(prepared.layer), options));
  if (with.C != without.C)
    throw Error(kBadInput, "internal error: a planted fault changes the output and was not found");
  report.verdict = Verdict::cannot_test;
  report.reason = fmt::format("{}", fmt::join(unseen, "; "));
}

Report report_on(const Options& options, const repack::Recipe& planted, const Progress& progress) {
  progress("fixture");
  const Prepared prepared = prepare(options);
  if (!options.recorded.empty()) return bisect_recorded(prepared, options, progress);
  if (!options.packed.empty()) return bisect_packed(prepared, options, progress);
  Report report = bisect(prepared, Subject(planted), options, progress);
  judge_planted(prepared, options, planted, report);
  return report;
}

std::filesystem::path part_of(const Options& options) { return options.json.string() + ".part"; }

/// The file is opened before anything long begins, so that an unwritable one is said at once.
void check_writable(const Options& options) {
  if (options.json.empty() || options.json == "-") return;
  if (!std::ofstream(part_of(options))) throw InputError("{}: cannot be written", options.json.string());
  std::filesystem::remove(part_of(options));
}

/// Ends the process when the time limit is over; nothing here waits for anything, so only a run that is too large gets
/// there.
void limit_time(const Options& options) {
  std::thread([seconds = options.timeout_seconds] {
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    fmt::print(stderr, "bisect: not done after {} s (--timeout)\n", seconds);
    std::_Exit(kCannotTest);
  }).detach();
}

void write(const Report& report, const Options& options) {
  if (options.json == "-") {
    fmt::print("{}\n", json_of(report).dump(2));
    return;
  }
  if (!options.json.empty()) {
    std::ofstream file(part_of(options));
    file << json_of(report).dump(2) << "\n";
    file.close();
    if (!file) throw InputError("{}: cannot be written", options.json.string());
    std::filesystem::rename(part_of(options), options.json);
  }
  fmt::print("{}", text_of(report, options.color));
}

int run(int argc, char** argv) {
  const auto begin = std::chrono::steady_clock::now();
  const Options options = parse_options(argc, argv);
  if (options.list_faults) {
    list_faults();
    return kMatch;
  }
  const repack::Recipe planted = merged(recipe_of_faults(options.inject), recipe_of_settings(options.settings));
  limit_time(options);
  const Progress progress = progress_to_stderr(options);
  if (options.toggles) {
    const ToggleTable table = toggle(options, planted, progress);
    clear_progress(options);
    fmt::print("{}", text_of(table, options));
    return table.fails ? kMismatch : kMatch;
  }
  check_writable(options);
  Report report = report_on(options, planted, progress);
  clear_progress(options);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  write(report, options);
  return exit_code_of(report.verdict);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    fmt::print(stderr, "bisect: {}\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "bisect: internal error: {}\n", error.what());
    return kBadInput;
  }
}
