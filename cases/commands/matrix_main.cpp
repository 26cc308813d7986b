// SPDX-License-Identifier: Apache-2.0
// matrix SET [options]: runs a set of cases and writes reports. See --help.
#include "cases/commands/main.h"
#include "cases/matrix/baseline.h"
#include "cases/matrix/compare.h"
#include "cases/matrix/matrix_run.h"
#include "cases/matrix/merge.h"
#include "cases/matrix/reports.h"
#include "cases/matrix/worker.h"
#include "cases/report/write_file.h"
#include "fixtures/error.h"
#include "fixtures/files/json_dump.h"
#include "fixtures/terminal.h"
#include "fixtures/text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace {

using namespace w4;
using namespace w4::cases;

void print_list(const matrix::MatrixOptions& options) {
  for (const CaseId& id : matrix::shard_of(matrix::selected(options.selection), options.shard, options.shards))
    print_line("{}", id.text());
}

int run_set(int argc, char** argv) {
  const matrix::MatrixOptions options = matrix::parse_matrix(argc, argv);
  if (options.list) {
    print_list(options);
    return kMatch;
  }
  matrix::check_reports(options.reports);
  const matrix::MatrixRun run = matrix::run_matrix(options, this_program());
  return matrix::report_results(run.results, options.reports, run.not_written);
}

int merge(int argc, char** argv) {
  const matrix::JoinOptions options = matrix::parse_merge(argc, argv);
  report::check_writable(options.out);
  matrix::check_reports(options.reports);
  std::vector<matrix::Results> shards;
  for (const std::string& file : options.in) shards.push_back(matrix::read_results(file));
  const matrix::Results whole = matrix::merged(shards, options.in);
  if (const std::string versions = matrix::versions_text(whole.records); !versions.empty())
    fmt::print(stderr, "matrix: {}: made with {}\n", options.out, versions);
  report::write_json(options.out, matrix::text_of(whole));
  return matrix::report_results(whole, options.reports);
}

int report(int argc, char** argv) {
  const matrix::JoinOptions options = matrix::parse_report(argc, argv);
  matrix::check_reports(options.reports);
  return matrix::report_results(matrix::read_results(options.in.at(0)), options.reports);
}

int make_baseline(int argc, char** argv) {
  const matrix::BaselineOptions options = matrix::parse_baseline(argc, argv);
  matrix::Results baseline = matrix::slim(matrix::read_results(options.in));
  for (const matrix::KnownFailure& known : options.known)
    baseline = matrix::with_known(std::move(baseline), known.glob, known.reason, known.expires);
  matrix::check_baseline(baseline, options.out);
  report::write_json(options.out, matrix::text_of(baseline));
  fmt::print("{} cases, {} known to fail\n", baseline.records.size(),
             std::ranges::count_if(baseline.records, [](const matrix::Record& r) { return r.known.has_value(); }));
  return kMatch;
}

/// The result in a file; of a kernel nothing yet.
matrix::NamedResults side_of(const std::string& word) {
  return {word, matrix::is_result(word) ? matrix::read_results(word) : matrix::Results{}};
}

/// What the run of both kernels says of one.
void take(const matrix::Results& run, matrix::NamedResults& side) {
  if (matrix::is_result(side.name)) return;
  side.results.heading = run.heading;
  for (const matrix::Record& record : run.records)
    if (parse_case(record.case_text).kernel == (side.name == "cpu" ? "" : side.name))
      side.results.records.push_back(record);
}

int compare(int argc, char** argv) {
  const matrix::CompareOptions options = matrix::parse_compare(argc, argv);
  report::check_writable(options.json);
  report::check_writable(options.markdown);
  matrix::NamedResults a = side_of(options.a), b = side_of(options.b);
  if (!options.run.selection.set.empty()) {
    const matrix::Results run = matrix::run_matrix(options.run, this_program()).results;
    take(run, a);
    take(run, b);
  }
  const matrix::Comparison comparison = matrix::compared(std::move(a), std::move(b));
  const std::string json = fixtures::files::dumped(matrix::json_of(comparison), 2);
  if (!options.markdown.empty()) report::write_json(options.markdown, matrix::markdown_of(comparison));
  if (!options.json.empty() && options.json != "-") report::write_json(options.json, json);
  if (options.json == "-")
    fmt::print("{}\n", json);
  else
    print(matrix::text_of(comparison));
  for (const matrix::NamedResults* side : {&comparison.a, &comparison.b})
    if (matrix::exit_code_of(side->results) == kCannotTest) return kCannotTest;
  return comparison.exit_code();
}

/// matrix --worker PLAN GPU
int work(char** argv) {
  if (*argv[3] != '\0') ::setenv("CUDA_VISIBLE_DEVICES", argv[3], 1);
  return matrix::serve_cases(argv[2]);
}

int run(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word == matrix::kWorkerWord && argc == 4) return work(argv);
  if (word == "merge") return merge(argc - 1, argv + 1);
  if (word == "report") return report(argc - 1, argv + 1);
  if (word == "compare") return compare(argc - 1, argv + 1);
  if (word == "baseline") return make_baseline(argc - 1, argv + 1);
  return run_set(argc, argv);
}

}  // namespace

int main(int argc, char** argv) { return w4::cases::run_program("matrix", argc, argv, run); }
