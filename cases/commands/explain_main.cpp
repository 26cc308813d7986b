// SPDX-License-Identifier: Apache-2.0
// explain M N MODE GROUP [options]: one output or one weight, traced. See --help.
#include "cases/commands/explain_options.h"
#include "cases/explain/explain.h"
#include "cases/explain/explain_report.h"
#include "cases/faults/faults.h"
#include "cases/report/write_file.h"
#include "fixtures/error.h"

#include <cstdio>

namespace {

using namespace w4;
using namespace w4::cases;

void write(const Trace& trace, const std::filesystem::path& json) {
  if (json == "-") {
    fmt::print("{}\n", json_of(trace).dump(2));
    return;
  }
  if (!json.empty()) write_json(json, json_of(trace).dump(2));
  fmt::print("{}", text_of(trace));
}

int run(int argc, char** argv) {
  const ExplainOptions options = parse_explain_options(argc, argv);
  const Options& shared = options.shared;
  const repack::Recipe planted = merged(recipe_of_faults(shared.inject), recipe_of_settings(shared.settings));
  check_writable(shared.json);
  Trace trace = explain(prepare(shared), planted, shared, options.question);
  trace.rerun = command_line(options);
  trace.bisect = command_line(shared);
  write(trace, shared.json);
  return trace.right() ? kMatch : kMismatch;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    fmt::print(stderr, "explain: {}\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "explain: internal error: {}\n", error.what());
    return kBadInput;
  }
}
