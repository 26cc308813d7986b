// SPDX-License-Identifier: Apache-2.0
// GPTQ to Marlin. bytes_per_second is that of packed words, 4 bits a code; scripts/bench_numpy.py prints the same for
// NumPy.

#include "repack/packed.h"
#include "repack/per_column.h"

#include <benchmark/benchmark.h>

#include <cstdint>

namespace {

using namespace w4;

constexpr int kGroupSize = 128;

/// Cells from a counter: speed does not depend on the values, but every page must be touched.
template <class T>
Grid<T> filled(int rows, int cols, T mask, T base) {
  return Grid<T>::made(rows, cols, [&](std::span<T> out) {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<T>(base + (static_cast<std::uint32_t>(i * 2654435761u) >> 3 & mask));
  });
}

fixtures::Layer gptq_layer(int K, int N, bool act_order) {
  fixtures::Layer layer;
  layer.name = "bench";
  layer.K = K;
  layer.N = N;
  layer.group_size = kGroupSize;
  layer.qweight = fixtures::files::tensor_of("qweight", DType::i32, filled<std::uint32_t>(K / 8, N, 0xFFFFFFFFu, 0));
  layer.scales =
      fixtures::files::tensor_of("scales", DType::fp16, filled<std::uint16_t>(K / kGroupSize, N, 0x3FF, 0x2000));
  if (act_order) {
    const auto g_idx = Grid<std::int32_t>::from(1, K, [&](int, int k) { return k % (K / kGroupSize); });
    layer.g_idx = fixtures::files::tensor_of("g_idx", DType::i32, g_idx);
  }
  return layer;
}

void report(benchmark::State& state, const fixtures::Layer& layer) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(layer.qweight.bytes()));
}

void whole(benchmark::State& state, bool act_order) {
  const auto layer = gptq_layer(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), act_order);
  for (auto _ : state) benchmark::DoNotOptimize(repack::repack(layer));
  report(state, layer);
}

/// Stage by stage, as a recipe with a variant in it runs.
void chain(benchmark::State& state) {
  const auto layer = gptq_layer(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), false);
  for (auto _ : state) benchmark::DoNotOptimize(repack::repack(layer, {{"fragments", "identity"}}));
  report(state, layer);
}

/// A column's groups into one, with what it costs.
void one_group(benchmark::State& state, repack::PerColumn how) {
  const auto layer = gptq_layer(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), false);
  repack::PerColumnCost cost;
  for (auto _ : state) benchmark::DoNotOptimize(repack::per_column(layer, how, &cost));
  report(state, layer);
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"K", "N"})->Args({2048, 11008})->Args({4096, 12288});
  benchmark->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(whole, gptq, false)->Apply(shapes);
BENCHMARK_CAPTURE(whole, gptq_act_order, true)->Apply(shapes);
BENCHMARK(chain)->Apply(shapes);
BENCHMARK_CAPTURE(one_group, averaged, repack::PerColumn::averaged)->Apply(shapes);
BENCHMARK_CAPTURE(one_group, requantised, repack::PerColumn::requantised)->Apply(shapes);

}  // namespace

BENCHMARK_MAIN();
