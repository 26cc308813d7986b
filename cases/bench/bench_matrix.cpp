// SPDX-License-Identifier: Apache-2.0
// What the matrix costs beyond the arithmetic of its cases: 1000 cases of K=512 and N=512, M from 1 to 64, on the CPU
// and on a GPU.
#include "cases/matrix/case_runner.h"
#include "cases/matrix/matrix_run.h"
#include "cases/matrix/selection.h"
#include "fixtures/error.h"
#include "kernel/child/open_kernel.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace {

using namespace w4::cases;

matrix::MatrixOptions thousand_cases(const std::string& kernel = "cpu") {
  matrix::MatrixOptions options;
  std::string seeds = "seed=0";
  for (int seed = 1; seed < 125; ++seed) seeds += fmt::format(",{}", seed);
  options.selection = {.set = "axes", .axes = {"M=1,2,4,8,16,32,48,64", seeds, "kernel=" + kernel}};
  options.budget.jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  options.budget.gpus = {""};
  options.quiet = true;
  return options;
}

std::size_t passes(const matrix::Results& results) {
  return static_cast<std::size_t>(std::ranges::count_if(
      results.records, [](const matrix::Record& record) { return record.outcome == matrix::Outcome::pass; }));
}

/// The whole matrix: processes, pipes, records.
void run_in_workers(benchmark::State& state, const matrix::MatrixOptions& options) {
  std::size_t passed = 0;
  for (auto _ : state) passed = passes(matrix::run_matrix(options, W4_MATRIX).results);
  state.counters["passed"] = static_cast<double>(passed);
}

void in_workers(benchmark::State& state) { run_in_workers(state, thousand_cases()); }

void on_a_gpu(benchmark::State& state) {
  try {
    w4::kernel::child::open_kernel("cuda", std::chrono::seconds(60));
  } catch (const w4::CannotTest& error) {
    return state.SkipWithError(error.what());
  }
  run_in_workers(state, thousand_cases("cuda"));
}

/// The arithmetic alone, on one thread.
void in_this_process(benchmark::State& state) {
  const tbb::global_control one_thread(tbb::global_control::max_allowed_parallelism, 1);
  const matrix::MatrixOptions options = thousand_cases();
  const std::vector<CaseId> cases = matrix::selected(options.selection);
  matrix::CaseRunner runner(options.plan);
  for (auto _ : state)
    for (const CaseId& id : cases) benchmark::DoNotOptimize(runner.check(id).outcome);
}

}  // namespace

BENCHMARK(in_workers)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(in_this_process)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(on_a_gpu)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_MAIN();
