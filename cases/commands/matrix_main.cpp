// SPDX-License-Identifier: Apache-2.0
// matrix SET [options]: runs a set of cases and writes reports. See --help.
#include "cases/matrix/baseline.h"
#include "cases/matrix/matrix_run.h"
#include "cases/matrix/merge.h"
#include "cases/matrix/reports.h"
#include "cases/matrix/worker.h"
#include "cases/report/write_file.h"
#include "fixtures/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>

namespace {

using namespace w4;
using namespace w4::cases;

void print_list(const MatrixOptions& options) {
  for (const CaseId& id : shard_of(selected(options.selection), options.shard, options.shards))
    fmt::print("{}\n", id.text());
}

int run_set(int argc, char** argv) {
  const MatrixOptions options = parse_matrix(argc, argv);
  if (options.list) {
    print_list(options);
    return kMatch;
  }
  check_reports(options.reports);
  const MatrixRun run = run_matrix(options, "/proc/self/exe");
  return report_results(run.results, options.reports, run.not_written);
}

int merge(int argc, char** argv) {
  const JoinOptions options = parse_merge(argc, argv);
  check_writable(options.out);
  check_reports(options.reports);
  std::vector<Results> shards;
  for (const std::string& file : options.in) shards.push_back(read_results(file));
  const Results whole = merged(shards, options.in);
  write_json(options.out, text_of(whole));
  return report_results(whole, options.reports);
}

int report(int argc, char** argv) {
  const JoinOptions options = parse_report(argc, argv);
  check_reports(options.reports);
  return report_results(read_results(options.in.at(0)), options.reports);
}

int make_baseline(int argc, char** argv) {
  const BaselineOptions options = parse_baseline(argc, argv);
  Results baseline = slim(read_results(options.in));
  for (const KnownFailure& known : options.known)
    baseline = with_known(std::move(baseline), known.glob, known.reason, known.expires);
  check_baseline(baseline, options.out);
  write_json(options.out, text_of(baseline));
  fmt::print("{} cases, {} known to fail\n", baseline.records.size(),
             std::ranges::count_if(baseline.records, [](const Record& r) { return r.known.has_value(); }));
  return kMatch;
}

/// matrix --worker PLAN GPU
int work(char** argv) {
  if (*argv[3] != '\0') ::setenv("CUDA_VISIBLE_DEVICES", argv[3], 1);
  return serve_cases(argv[2]);
}

int run(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word == kWorkerWord && argc == 4) return work(argv);
  if (word == "merge") return merge(argc - 1, argv + 1);
  if (word == "report") return report(argc - 1, argv + 1);
  if (word == "baseline") return make_baseline(argc - 1, argv + 1);
  return run_set(argc, argv);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is said, not died of
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    fmt::print(stderr, "matrix: {}\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "matrix: internal error: {}\n", error.what());
    return kBadInput;
  }
}
