// SPDX-License-Identifier: Apache-2.0
// bisect MODE GROUP [options]: names the transform that breaks a W4A16 path. See --help.
#include "cases/ask.h"
#include "cases/case/prepare.h"
#include "cases/commands/main.h"
#include "cases/faults/faults.h"
#include "cases/matrix/page.h"
#include "cases/report/report_text.h"
#include "cases/report/write_file.h"
#include "cases/search/bisect.h"
#include "cases/search/toggles.h"
#include "fixtures/error.h"
#include "fixtures/files/json_dump.h"
#include "fixtures/stopwatch.h"
#include "fixtures/terminal.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

using namespace w4;
using namespace w4::cases;

void list_faults() {
  for (const faults::Fault& fault : faults::faults())
    if (!fault.id.empty())
      fmt::print("{:<34} {:<12} {}\n{:<34} {:<12} seen when {}\n", fault.name, fault.stage, fault.what, "", "",
                 fault.visible);
}

/// Ends the process at the time limit. The lane model cannot hang, so only a case that is too large gets there.
void limit_time(const Effort& effort) {
  std::thread([seconds = effort.timeout_seconds] {
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    fmt::print(stderr, "bisect: not done after {} s (--timeout)\n", seconds);
    std::_Exit(kCannotTest);
  }).detach();
}

void write(const report::Report& report, const Outputs& outputs) {
  if (!outputs.html.empty()) report::write_json(outputs.html, matrix::page_of(matrix::results_of(report), nullptr));
  if (outputs.json == "-") {
    fmt::print("{}\n", fixtures::files::dumped(report::json_of(report), 2));
    return;
  }
  if (!outputs.json.empty()) report::write_json(outputs.json, fixtures::files::dumped(report::json_of(report), 2));
  print(report::text_of(report, outputs.color));
}

int run(int argc, char** argv) {
  const Stopwatch watch;
  const Options options = parse_options(argc, argv);
  if (options.outputs.list_faults) {
    list_faults();
    return kMatch;
  }
  fixture_path(options.request);  // before the time limit begins: a model of a hub may have to be fetched
  if (kernel_spec(options.asked).empty()) limit_time(options.effort);  // other kernels have the limit for each run
  const search::Progress progress = progress_to_stderr("bisect", options.outputs.quiet);
  report::check_writable(options.outputs.json);
  report::check_writable(options.outputs.html);
  report::Report report = report_on(options, progress);
  if (options.effort.toggles) {
    const search::ToggleTable table = search::toggle(options, planted_by(options.asked), progress);
    progress("");
    print(search::text_of(table, report, options));
    return report::exit_code_of(report.verdict);
  }
  progress("");
  report.seconds = watch.seconds();
  report.made.merge(made_here());
  report.made.merge(made_with(options, this_program()));
  write(report, options.outputs);
  if (options.outputs.strict && report::is_doubtful_match(report)) return kMismatch;
  return report::exit_code_of(report.verdict);
}

}  // namespace

int main(int argc, char** argv) { return w4::cases::run_program("bisect", argc, argv, run); }
