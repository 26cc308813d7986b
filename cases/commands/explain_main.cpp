// SPDX-License-Identifier: Apache-2.0
// explain M N MODE GROUP [options]: traces one output or one weight. See --help.
#include "cases/commands/explain_options.h"
#include "cases/commands/main.h"
#include "cases/explain/explain.h"
#include "cases/explain/explain_report.h"
#include "cases/report/write_file.h"
#include "fixtures/error.h"
#include "fixtures/files/json_dump.h"
#include "fixtures/terminal.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace {

using namespace w4;
using namespace w4::cases;

void write(const explain::Trace& trace, const std::filesystem::path& json) {
  if (json == "-") {
    fmt::print("{}\n", fixtures::files::dumped(explain::json_of(trace), 2));
    return;
  }
  if (!json.empty()) report::write_json(json, fixtures::files::dumped(explain::json_of(trace), 2));
  print(explain::text_of(trace));
}

int run(int argc, char** argv) {
  const ExplainOptions options = parse_explain_options(argc, argv);
  const Options& shared = options.shared;
  const repack::Recipe planted = planted_by(shared.asked);
  report::check_writable(shared.outputs.json);
  explain::Trace trace = explain::explain(prepare(shared.request), planted, shared, options.question);
  trace.rerun = command_line(options);
  trace.bisect = command_line(shared);
  trace.made = made_here();
  trace.made.merge(made_with(shared, this_program()));
  write(trace, shared.outputs.json);
  return trace.right() ? kMatch : kMismatch;
}

}  // namespace

int main(int argc, char** argv) { return w4::cases::run_program("explain", argc, argv, run); }
