// SPDX-License-Identifier: Apache-2.0
// `repack MODEL OUT` on a made model, and a plain copy of the same files; bytes_per_second counts the model's tensors.
// The page cache stays warm for both: read the figures as a ratio.

#include "cases/layers/repack_model.h"
#include "fixtures/files/container.h"
#include "fixtures/files/safetensors.h"
#include "fixtures/random/random_layer.h"
#include "kernel/child/case_folder.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <fstream>

namespace {

using namespace w4;
namespace fs = std::filesystem;

constexpr int kShards = 4, kLayersPerShard = 4, kK = 4096, kN = 11008, kGroupSize = 128;

/// A model in a temporary folder, removed at the end.
class MadeModel {
 public:
  MadeModel() {
    fs::create_directory(folder());
    // one for all tensors: speed does not depend on values
    const auto layer = fixtures::random::random_layer({.K = kK, .N = kN, .group_size = kGroupSize, .seed = 7});
    for (int shard = 0; shard < kShards; ++shard) write_shard(layer, shard);
  }
  fs::path folder() const { return root_.path() / "model"; }
  fs::path output() const { return root_.path() / "out"; }
  std::int64_t bytes() const { return bytes_; }

 private:
  void write_shard(const fixtures::Layer& layer, int shard) {
    fixtures::files::Container container;
    for (int i = 0; i < kLayersPerShard; ++i)
      for (const auto& [part, tensor] : fixtures::container_of(layer).tensors) {
        container.tensors[fmt::format("model.layers.{}.mlp.up_proj.{}", shard * kLayersPerShard + i, part)] = tensor;
        bytes_ += static_cast<std::int64_t>(tensor.bytes());
      }
    fixtures::files::write_safetensors(container, folder() / fmt::format("model-{}.safetensors", shard));
  }

  kernel::child::TemporaryFolder root_;
  std::int64_t bytes_ = 0;
};

const MadeModel& model() {
  static const MadeModel made;
  return made;
}

void repack(benchmark::State& state, bool verify) {
  for (auto _ : state) {
    const cases::layers::RepackedModel repacked = cases::layers::repack_model(
        {.model = model().folder(), .output = model().output(), .layers = {}, .verify = verify, .quiet = true});
    if (repacked.exit_code() != 0) state.SkipWithError(cases::layers::text_of(repacked, {}).c_str());
    state.PauseTiming();
    fs::remove_all(model().output());
    state.ResumeTiming();
  }
  state.SetBytesProcessed(state.iterations() * model().bytes());
}

void copy(benchmark::State& state) {
  for (auto _ : state) {
    fs::create_directory(model().output());
    for (const fs::directory_entry& entry : fs::directory_iterator(model().folder())) {
      std::ifstream from(entry.path(), std::ios::binary);
      std::ofstream to(model().output() / entry.path().filename(), std::ios::binary);
      to << from.rdbuf();
    }
    state.PauseTiming();
    fs::remove_all(model().output());
    state.ResumeTiming();
  }
  state.SetBytesProcessed(state.iterations() * model().bytes());
}

BENCHMARK(copy)->Name("plain copy")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(repack, "", false)->Name("repack MODEL OUT")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(repack, "", true)->Name("repack MODEL OUT --verify")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
