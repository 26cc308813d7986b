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

bool names(const Report& report, const Fault& fault) {
  const std::string& id = fault.id.empty() ? fault.name : fault.id;
  for (const Culprit& culprit : report.culprits)
    if (culprit.stage == fault.stage && culprit.fault.find(id) != std::string::npos) return true;
  return false;
}

/// What was planted and not named either cannot show in this case, or was missed: the two must not be confused, so it
/// is planted alone and looked at again.
void judge_planted(const Prepared& prepared, const Options& options, const repack::Recipe& planted, Report& report) {
  for (const auto& [stage, variant] : planted) {
    if (variant == "reference" || names(report, fault_of(stage, variant))) continue;
    const Fault& fault = fault_of(stage, variant);
    const Report alone = bisect(prepared, Subject(repack::Recipe{{stage, variant}}), options, [](std::string_view) {});
    const bool shows = alone.verdict != Verdict::match;
    const std::string line = shows ? fault.name + " was planted too; alone it shows, here it was not named"
                                   : fault.name + " cannot show in this case: it is seen when " + fault.visible;
    report.notes.push_back(line);
    if (shows || report.verdict != Verdict::match) continue;
    report.reason += (report.reason.empty() ? "" : "; ") + line;
  }
  if (report.verdict == Verdict::match && !report.reason.empty()) report.verdict = Verdict::cannot_test;
}

Report report_on(const Options& options, const repack::Recipe& planted, const Progress& progress) {
  progress("fixture");
  const Prepared prepared = prepare(options);
  if (!options.recorded.empty()) return bisect_recorded(prepared, options, progress);
  if (!options.packed.empty()) return bisect_packed(prepared, options, progress);
  if (!options.foreign.empty()) return bisect_foreign(prepared, options, progress);
  Options visible = options;  // the search is not told what was planted
  visible.inject.clear();
  visible.settings.clear();
  Report report = bisect(prepared, Subject(planted), visible, progress);
  judge_planted(prepared, visible, planted, report);
  report.rerun = command_line(options);
  return report;
}

namespace fs = std::filesystem;

/// Where a report grows before it is renamed; what is no regular file (a pipe, a device) is written as it is.
fs::path part_of(const fs::path& target) {
  if (fs::exists(target) && !fs::is_regular_file(target)) return target;
  return target.string() + fmt::format(".part{}", ::getpid());
}

void write_json(const fs::path& target, const std::string& text) {
  const fs::path part = part_of(target);
  std::ofstream file(part);
  file << text << "\n";
  file.close();
  if (file && part != target) fs::rename(part, target);
  if (file) return;
  if (part != target) fs::remove(part);
  throw InputError("{}: cannot be written", target.string());
}

/// Tried before anything long begins, so that an unwritable file is said at once.
void check_writable(const fs::path& target) {
  if (target.empty() || target == "-") return;
  if (fs::is_directory(target)) throw InputError("{}: is a folder, a file is expected", target.string());
  const fs::path part = part_of(target);
  if (part == target) return;
  if (!std::ofstream(part)) throw InputError("{}: cannot be written", target.string());
  fs::remove(part);
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
  if (!options.json.empty()) write_json(options.json, json_of(report).dump(2));
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
  if (options.foreign.empty()) limit_time(options);  // a foreign kernel has the limit for each of its runs
  const Progress progress = progress_to_stderr(options);
  check_writable(options.json);
  Report report = report_on(options, planted, progress);
  if (options.toggles) {
    const ToggleTable table = toggle(options, planted, progress);
    clear_progress(options);
    fmt::print("{}", text_of(table, report, options));
    return exit_code_of(report.verdict);
  }
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
