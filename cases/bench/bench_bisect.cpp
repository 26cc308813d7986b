// SPDX-License-Identifier: Apache-2.0
// bisect end to end: from process start to verdict, with its peak memory. In the same run, one pass over as many bytes
// as the layer's packed words: a ratio of the two is comparable between machines.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

extern char** environ;

namespace {

/// Runs bisect with these words; its exit code, and its peak memory in `peak_mb`.
int run_bisect(std::vector<std::string> words, double& peak_mb) {
  words.insert(words.begin(), W4_BISECT);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int failed = posix_spawn(&child, W4_BISECT, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return -1;
  int status = 0;
  rusage usage{};
  wait4(child, &status, 0, &usage);
  peak_mb = static_cast<double>(usage.ru_maxrss) / 1024;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void process_to_verdict(benchmark::State& state, const std::vector<std::string>& words, int expected_exit) {
  double peak_mb = 0;
  for ([[maybe_unused]] const auto iteration : state)
    if (run_bisect(words, peak_mb) != expected_exit) state.SkipWithError("bisect ended with another exit code");
  state.counters["peak_MB"] = peak_mb;
}

void copy_packed_words(benchmark::State& state) {
  std::vector<char> from(2048ull * 11008 / 2, 1), to(from.size());
  for ([[maybe_unused]] const auto iteration : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * from.size()));
}

void in_milliseconds(benchmark::internal::Benchmark* benchmark) {
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK_CAPTURE(process_to_verdict, r_128_K2048_N11008_M1, {"r", "128", "--shape", "2048,11008", "--m", "1"}, 0)
    ->Apply(in_milliseconds);
BENCHMARK_CAPTURE(process_to_verdict, b_128_shipped_layer, {"b", "128"}, 0)->Apply(in_milliseconds);
BENCHMARK_CAPTURE(process_to_verdict, b_128_planted_tile_order, {"b", "128", "--inject", "tile-order-swap"}, 1)
    ->Apply(in_milliseconds);
BENCHMARK_CAPTURE(process_to_verdict, b_128_black_box_one_fault,
                  {"b", "128", "--black-box", "--inject", "scale-perm-missing"}, 1)
    ->Apply(in_milliseconds);
BENCHMARK_CAPTURE(process_to_verdict, b_128_black_box_two_faults,
                  {"b", "128", "--black-box", "--inject", "perm1024-partial:no-interleave,zp-v1v2-offset"}, 1)
    ->Apply(in_milliseconds);
BENCHMARK(copy_packed_words)->Apply(in_milliseconds);

}  // namespace

BENCHMARK_MAIN();
