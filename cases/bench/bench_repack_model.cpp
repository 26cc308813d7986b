// SPDX-License-Identifier: Apache-2.0
// `repack MODEL OUT` on a made model, and a plain copy of the same files; bytes_per_second counts the model's tensors.
// Headers and models of many small layers: items_per_second (tensors, layers) is the same for few and for many.
// The page cache stays warm for both: read the figures as a ratio.

#include "cases/layers/repack_model.h"
#include "fixtures/files/container.h"
#include "fixtures/files/mapped_file.h"
#include "fixtures/files/safetensors.h"
#include "fixtures/layer/model.h"
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

/// A model of many small layers in one file, as a mixture of experts has them.
class ManyLayers {
 public:
  explicit ManyLayers(int layers) {
    const auto layer = fixtures::random::random_layer({.K = 64, .N = 64, .group_size = 32, .seed = 7});
    fixtures::files::Container container;
    for (int i = 0; i < layers; ++i)
      for (const auto& [part, tensor] : fixtures::container_of(layer).tensors)
        container.tensors[fmt::format("model.layers.0.mlp.experts.{}.up_proj.{}", i, part)] = tensor;
    fs::create_directory(folder());
    fixtures::files::write_safetensors(container, folder() / "model.safetensors");
  }
  fs::path folder() const { return root_.path() / "model"; }

 private:
  kernel::child::TemporaryFolder root_;
};

void read_layers(benchmark::State& state) {
  const ManyLayers made(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    const fixtures::Model model(made.folder());
    for (const std::string& layer : model.layers()) benchmark::DoNotOptimize(model.container_of(layer));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void read_header(benchmark::State& state) {
  const ManyLayers made(static_cast<int>(state.range(0)));
  const fixtures::files::Bytes bytes = fixtures::files::map_file(made.folder() / "model.safetensors");
  std::size_t tensors = 0;
  for (auto _ : state) tensors = fixtures::files::index_safetensors(bytes).places.size();
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(tensors));
}

BENCHMARK(read_header)->Name("header, of layers")->Arg(1000)->Arg(30000)->Unit(benchmark::kMillisecond);
BENCHMARK(read_layers)->Name("read each of small layers")->Arg(1000)->Arg(18000)->Unit(benchmark::kMillisecond);
BENCHMARK(copy)->Name("plain copy")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(repack, "", false)->Name("repack MODEL OUT")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(repack, "", true)->Name("repack MODEL OUT --verify")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
