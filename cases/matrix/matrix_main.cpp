// SPDX-License-Identifier: Apache-2.0
// matrix SET [options]: runs a set of cases and writes reports. See --help.
#include "cases/json_file.h"
#include "cases/matrix/matrix_run.h"
#include "cases/matrix/worker.h"
#include "fixtures/error.h"

#include <fmt/format.h>

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
  const MatrixRun run = run_matrix(options, "/proc/self/exe");
  fmt::print("{}", summary_of(run.results));
  if (!run.not_written.empty()) throw InputError("{}", run.not_written);
  return exit_code_of(run.results);
}

/// matrix --worker PLAN GPU
int work(char** argv) {
  if (*argv[3] != '\0') ::setenv("CUDA_VISIBLE_DEVICES", argv[3], 1);
  return serve_cases(argv[2]);
}

int run(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word == kWorkerWord && argc == 4) return work(argv);
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
