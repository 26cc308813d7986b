// SPDX-License-Identifier: Apache-2.0
// What the matrix costs beyond the arithmetic of its cases: 1000 cases of K=512 and N=512 on the CPU, M from 1 to 64.
#include "cases/matrix/case_runner.h"
#include "cases/matrix/matrix_run.h"
#include "cases/matrix/selection.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <tbb/global_control.h>

#include <thread>

namespace {

using namespace w4::cases;

MatrixOptions thousand_cases() {
  MatrixOptions options;
  std::string seeds = "seed=0";
  for (int seed = 1; seed < 125; ++seed) seeds += fmt::format(",{}", seed);
  options.selection = {.set = "axes", .axes = {"M=1,2,4,8,16,32,48,64", seeds}};
  options.budget.jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  options.quiet = true;
  return options;
}

/// Processes, pipes, records and all.
void in_workers(benchmark::State& state) {
  const MatrixOptions options = thousand_cases();
  for (auto _ : state) benchmark::DoNotOptimize(run_matrix(options, W4_MATRIX).results.records.size());
  state.counters["cases"] = static_cast<double>(selected(options.selection).size());
}

/// The arithmetic alone, one after another on one thread: what as many workers as cores share.
void in_this_process(benchmark::State& state) {
  const tbb::global_control one_thread(tbb::global_control::max_allowed_parallelism, 1);
  const MatrixOptions options = thousand_cases();
  const std::vector<CaseId> cases = selected(options.selection);
  CaseRunner runner(options.plan);
  for (auto _ : state)
    for (const CaseId& id : cases) benchmark::DoNotOptimize(runner.check(id).outcome);
}

}  // namespace

BENCHMARK(in_workers)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(in_this_process)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_MAIN();
