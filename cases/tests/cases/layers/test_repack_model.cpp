// SPDX-License-Identifier: Apache-2.0
#include "cases/layers/layer_diff.h"
#include "cases/layers/packed_folder.h"
#include "cases/layers/repack_model.h"
#include "cases/report/progress_bar.h"
#include "cases/tests/fixtures/model_files.h"
#include "fixtures/files/checksum.h"
#include "fixtures/files/container.h"
#include "fixtures/files/safetensors.h"
#include "fixtures/random/random_layer.h"
#include "repack/layer_file.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>

namespace {

using namespace w4;
using namespace w4::cases;
using namespace w4::fixtures::test;
using fixtures::Layer;
using Kind = layers::LayerOutcome::Kind;
namespace fs = std::filesystem;

constexpr const char* kGptqConfig = R"({"quantization_config":{"quant_method":"gptq","bits":4}})";

Layer layer_with(fixtures::random::RandomSpec spec) {
  spec.N = spec.N == 0 ? 64 : spec.N;
  spec.K = spec.K == 0 ? 128 : spec.K;
  return fixtures::random::random_layer(spec);
}

/// What a model may hold, under names in which 10 comes behind 9.
std::map<std::string, Layer> sound_layers() {
  std::map<std::string, Layer> layers;
  layers["m.2.up"] = layer_with({.group_size = 32, .seed = 2});
  layers["m.9.up"] = layer_with({.group_size = 64, .symmetric = false, .act_order = true, .bias = true, .seed = 9});
  layers["m.10.up"] = layer_with({.K = 96, .N = 40, .group_size = 96, .symmetric = false, .seed = 10});
  layers["m.11.up"] = layer_with({.zero_encoding = fixtures::ZeroEncoding::plain,
                                  .K = 160,
                                  .N = 72,
                                  .group_size = 32,
                                  .dtype = DType::bf16,
                                  .seed = 11});
  return layers;
}

fs::path written(const Scratch& scratch, const std::map<std::string, Layer>& layers) {
  std::map<std::string, std::map<std::string, fixtures::files::Tensor>> files;
  for (const auto& [name, layer] : layers)
    files[layer.K == 128 ? "a.safetensors" : "b.safetensors"].merge(named_tensors(layer, name));
  return write_model(scratch, "model", files, kGptqConfig);
}

layers::RepackModelOptions options_for(const Scratch& scratch, bool verify = true) {
  return {.model = scratch / "model", .output = scratch / "out", .layers = {}, .verify = verify, .quiet = true};
}

std::vector<std::string> names_of(const layers::RepackedModel& repacked) {
  std::vector<std::string> names;
  for (const layers::LayerOutcome& outcome : repacked.layers) names.push_back(outcome.layer);
  return names;
}

}  // namespace

TEST_CASE("repack model: every layer is packed and undone and the folder is read as a model again") {
  const Scratch scratch;
  const auto layers = sound_layers();
  const fs::path model = written(scratch, layers);
  const layers::RepackedModel repacked = layers::repack_model(options_for(scratch));
  CAPTURE(layers::text_of(repacked, options_for(scratch)));
  CHECK(repacked.exit_code() == kMatch);
  CHECK(names_of(repacked) == std::vector<std::string>{"m.2.up", "m.9.up", "m.10.up", "m.11.up"});
  CHECK(repacked.count(Kind::done) == 4);
  CHECK(fixtures::Model(scratch / "out").layers() == names_of(repacked));
  for (const std::string& name : names_of(repacked)) {
    CAPTURE(name);
    CHECK(layers::difference(repack::read_layer(scratch / "out", name).layer, repack::read_layer(model, name).layer)
              .empty());
  }
  // Packed once more, a Marlin model is the same files.
  const layers::RepackModelOptions again{
      .model = scratch / "out", .output = scratch / "again", .layers = {}, .quiet = true};
  CHECK(layers::repack_model(again).exit_code() == kMatch);
  for (const auto& [name, layer] : layers)
    for (const auto& [part, tensor] : fixtures::Model(scratch / "out").container_of(name).tensors)
      CHECK(same(fixtures::Model(scratch / "again").container_of(name).tensors.at(part), tensor));
}

TEST_CASE("repack model: difference sees one code and one zero point and one scale and one group and one bias") {
  const Layer layer = layer_with({.group_size = 32, .symmetric = false, .act_order = true, .bias = true, .seed = 3});
  const auto changed = [&](fixtures::files::Tensor Layer::*part) {
    Layer other = layer;
    fixtures::files::Tensor& tensor = other.*part;
    std::shared_ptr<std::byte[]> bytes(new std::byte[tensor.bytes()]);
    std::copy_n(tensor.data, tensor.bytes(), bytes.get());
    bytes[5] ^= std::byte{1};
    tensor.data = bytes.get(), tensor.owner = bytes;
    return layers::difference(layer, other);
  };
  CHECK(layers::difference(layer, layer).empty());
  CHECK(changed(&Layer::qweight).starts_with("code ("));
  CHECK(changed(&Layer::scales).starts_with("scale ("));
  Layer other = layer;
  other.bias.reset();
  CHECK(layers::difference(layer, other) == "bias: shapes (1, 64) and (0, 0)");
  other = layer;
  other.g_idx.reset();
  CHECK(layers::difference(layer, other).starts_with("group of row ("));
  other = layer;
  other.zero_encoding = fixtures::ZeroEncoding::plain;
  CHECK(layers::difference(layer, other).starts_with("zero point ("));
}

TEST_CASE("repack model: a row factor is part of the layer and is written and compared") {
  const Layer layer = layer_with({.group_size = 32, .seed = 3});
  Layer other = layer;
  const Grid<float> factors = Grid<float>::from(1, layer.K, [](int, int k) { return k == 5 ? 2.0F : 0.5F; });
  other.row_scale =
      fixtures::RowScale{fixtures::files::vector_of(fixtures::RowScale::kMultiplies, DType::fp32, factors)};
  CHECK(layers::difference(layer, other) == "row factor: shapes (0, 0) and (1, 128)");
  Layer third = other;
  third.row_scale->tensor.name = fixtures::RowScale::kDivides;
  CHECK(layers::difference(third, other) == "row factor (0, 0): 2 and 0.5");
  CHECK(layers::diff_parts(layer, other).back().what == layers::kRowFactors);
  CHECK_FALSE(layers::diff_parts(layer, other).back().same);
  const Scratch scratch;
  written(scratch, {{"m.1.up", other}});
  CHECK(layers::repack_model(options_for(scratch)).exit_code() == kMatch);
  CHECK(layers::difference(repack::read_layer(scratch / "out").layer, other).find("row factor") == std::string::npos);
}

TEST_CASE("repack model: an interrupted run goes on and what it left half written is removed") {
  const Scratch scratch;
  written(scratch, sound_layers());
  layers::repack_model(options_for(scratch));
  const std::string whole = content_of(scratch / "out" / "m.9.up.safetensors");
  fs::remove(scratch / "out" / "m.9.up.safetensors");
  scratch.file("out/.m.9.up.safetensors.0123456789abcdef", "half");
  const layers::RepackedModel again = layers::repack_model(options_for(scratch, false));
  CHECK(again.count(Kind::kept) == 3);
  CHECK(again.count(Kind::done) == 1);
  CHECK(content_of(scratch / "out" / "m.9.up.safetensors") == whole);
  CHECK_FALSE(fs::exists(scratch / "out" / ".m.9.up.safetensors.0123456789abcdef"));
}

TEST_CASE("repack model: what is doubtful in a layer is told of one that is kept too") {
  const Scratch scratch;
  auto tensors = named_tensors(layer_with({.group_size = 32, .seed = 3}), "m.1.up");
  tensors["m.1.up.mystery"] = tensors.at("m.1.up.scales");
  write_model(scratch, "model", {{"a.safetensors", tensors}}, kGptqConfig);
  for (const Kind kind : {Kind::done, Kind::kept}) {
    const layers::RepackedModel repacked = layers::repack_model(options_for(scratch, false));
    CHECK(repacked.count(kind) == 1);
    CHECK(layers::text_of(repacked, options_for(scratch)).find("looks wrong 1 of 1 layers") != std::string::npos);
  }
}

TEST_CASE("repack model: modules that are not read are told where a pattern means them") {
  const Scratch scratch;
  auto tensors = named_tensors(layer_with({.group_size = 32, .seed = 3}), "m.1.up");
  const auto words = tensors.at("m.1.up.qweight");
  tensors["m.2.up.W_q"] = words, tensors["m.1.down.W_q"] = words;
  write_model(scratch, "model", {{"a.safetensors", tensors}}, kGptqConfig);
  const auto told = [&](const std::string& pattern) {
    layers::RepackModelOptions options = options_for(scratch);
    if (!pattern.empty()) options.layers = {pattern};
    const layers::RepackedModel repacked = layers::repack_model(options);
    CHECK(repacked.exit_code() == (repacked.count(Kind::cannot) > 0 ? kCannotTest : kMatch));
    return names_of(repacked);
  };
  using Names = std::vector<std::string>;
  CHECK(told("") == Names{"m.1.up", "m.1.down", "m.2.up"});
  CHECK(told("m.1.*") == Names{"m.1.up", "m.1.down"});
  CHECK(told("m.1.up") == Names{"m.1.up"});
  CHECK(told("m.2.*") == Names{"m.2.up"});
}

TEST_CASE("repack model: a file that does not hold what was written is made anew and that is said") {
  const Scratch scratch;
  written(scratch, sound_layers());
  layers::repack_model(options_for(scratch));
  const std::string whole = content_of(scratch / "out" / "m.2.up.safetensors");
  std::string one_bit = whole;
  one_bit[whole.size() / 2] ^= 1;
  std::string tail_of_zeros = whole;
  std::fill(tail_of_zeros.end() - 64, tail_of_zeros.end(), '\0');
  for (const std::string& content : {one_bit, tail_of_zeros, std::string(whole.size(), '\0'), std::string(),
                                     whole.substr(0, whole.size() / 2), whole + '\0'}) {
    scratch.file("out/m.2.up.safetensors", content);
    const layers::RepackedModel again = layers::repack_model(options_for(scratch, false));
    CHECK(again.exit_code() == kMatch);
    CHECK(again.count(Kind::kept) == 3);
    CHECK(layers::text_of(again, options_for(scratch))
              .find("note       1 of 4 layers, first m.2.up: its file did not hold what was written: made anew") !=
          std::string::npos);
    CHECK(content_of(scratch / "out" / "m.2.up.safetensors") == whole);
  }
}

TEST_CASE("repack model: where repack.json is empty or torn all is made anew and that is said") {
  const Scratch scratch;
  written(scratch, sound_layers());
  layers::repack_model(options_for(scratch));
  const std::string begun = content_of(scratch / "out" / "repack.json");
  for (const std::string& content : {std::string(), begun.substr(0, begun.size() / 2), std::string(100, '\0')}) {
    scratch.file("out/repack.json", content);
    scratch.file("out/model.safetensors.index.json", content);
    const layers::RepackedModel again = layers::repack_model(options_for(scratch, false));
    CHECK(again.exit_code() == kMatch);
    CHECK(again.count(Kind::done) == 4);
    CHECK(layers::text_of(again, options_for(scratch)).find("repack.json could not be read") != std::string::npos);
    CHECK(content_of(scratch / "out" / "repack.json") == begun);
    CHECK(fixtures::Model(scratch / "out").layers().size() == 4);
  }
}

TEST_CASE("repack model: a damaged file of a layer that was not asked for is left out of the index") {
  const Scratch scratch;
  written(scratch, sound_layers());
  layers::repack_model(options_for(scratch));
  scratch.file("out/m.2.up.safetensors", "");
  layers::RepackModelOptions some = options_for(scratch);
  some.layers = {"m.9.up"};
  CHECK(layers::repack_model(some).exit_code() == kMatch);
  CHECK(fixtures::Model(scratch / "out").layers() == std::vector<std::string>{"m.9.up", "m.10.up", "m.11.up"});
}

TEST_CASE("repack model: a file that is not its layer is found by verify and stays") {
  const Scratch scratch;
  written(scratch, sound_layers());
  layers::repack_model(options_for(scratch));
  const fs::path file = scratch / "out" / "m.2.up.safetensors";
  fixtures::files::Container other = fixtures::files::parse_safetensors(in_memory(content_of(file)));
  const std::shared_ptr<std::byte[]> bytes(new std::byte[other.tensors.at("m.2.up.B").bytes()]());
  other.tensors.at("m.2.up.B").data = bytes.get(), other.tensors.at("m.2.up.B").owner = bytes;
  fixtures::files::add_checksums(other);
  fs::remove(file);
  fixtures::files::write_safetensors(other, file);
  CHECK(layers::repack_model(options_for(scratch, false)).exit_code() == kMatch);
  const layers::RepackedModel verified = layers::repack_model(options_for(scratch));
  CHECK(verified.exit_code() == kMismatch);
  CHECK(verified.count(Kind::differs) == 1);
  CHECK(verified.layers[0].reason.find("code (") != std::string::npos);
  CHECK(fs::exists(scratch / "out" / "m.2.up.safetensors"));
}

TEST_CASE("repack model: a layer that cannot be packed or is unsound does not stop the others") {
  const Scratch scratch;
  auto layers = sound_layers();
  layers["m.12.up"] = layer_with({.group_size = 16, .seed = 12});
  Layer broken = layer_with({.group_size = 32, .seed = 13});
  broken.scales.shape = {broken.scales.shape[1], broken.scales.shape[0]};
  layers["m.13.up"] = broken;
  written(scratch, layers);
  const layers::RepackedModel repacked = layers::repack_model(options_for(scratch));
  CHECK(repacked.exit_code() == kBadInput);
  CHECK(repacked.count(Kind::done) == 4);
  CHECK(repacked.count(Kind::cannot) == 1);
  CHECK(repacked.count(Kind::bad_input) == 1);
  CHECK(repacked.layers[4].layer == "m.12.up");
  CHECK(repacked.layers[4].kind == Kind::cannot);
  CHECK_FALSE(fs::exists(scratch / "out" / "m.12.up.safetensors"));
  CHECK(fixtures::Model(scratch / "out").layers().size() == 4);
  layers::RepackModelOptions some = options_for(scratch);
  some.layers = {"m.1?.up"};
  some.output = scratch / "some";
  CHECK(layers::repack_model(some).layers.size() == 4);
  some.layers = {"*.down"};
  CHECK(error_of([&] { layers::repack_model(some); }) ==
        "--layer '*.down' fits none of the 6 layers; the first is m.2.up");
}

TEST_CASE("repack model: names that lead out of the folder are refused and nothing is written there") {
  const Scratch scratch;
  write_model(scratch, "model", {{"a.safetensors", named_tensors(small_layer(1), "../evil")}}, kGptqConfig);
  const layers::RepackedModel repacked = layers::repack_model(options_for(scratch));
  CHECK(repacked.exit_code() == kBadInput);
  CHECK(repacked.layers[0].reason == "layer '../evil' has a name that no file can have");
  CHECK_FALSE(fs::exists(scratch / "evil.safetensors"));
}

TEST_CASE("repack model: a folder that holds something else or was begun from other files is refused") {
  const Scratch scratch;
  written(scratch, sound_layers());
  fs::create_directory(scratch / "out");
  scratch.file("out/mine.txt", "mine");
  CHECK(error_of(scratch / "out", [&] { layers::repack_model(options_for(scratch)); }) ==
        "FILE: is not empty and has no repack.json: nothing is overwritten");
  fs::remove(scratch / "out" / "mine.txt");
  layers::repack_model(options_for(scratch));
  const std::string content = content_of(scratch / "model" / "a.safetensors");
  scratch.file("model/a.safetensors", content + " ");
  CHECK(error_of(scratch / "out", [&] {
          layers::repack_model(options_for(scratch));
        }).starts_with("FILE/repack.json: was begun from other files than those of "));
}

TEST_CASE("repack model: layers of another config or trust are not kept") {
  const Scratch scratch;
  written(scratch, sound_layers());
  layers::RepackModelOptions options = options_for(scratch);
  layers::repack_model(options);
  options.trust = fixtures::Trust::data;
  const auto refused = [&] {
    return error_of(scratch / "out", [&] { layers::repack_model(options); }).find("another config or --trust") !=
           std::string::npos;
  };
  CHECK(refused());
  options.trust = fixtures::Trust::neither;
  CHECK_FALSE(refused());
  scratch.file("model/config.json", std::string(kGptqConfig) + " ");
  CHECK(refused());
  scratch.file("model/config.json", kGptqConfig);
  CHECK_FALSE(refused());
  scratch.file("model/quantize_config.json", "{}");
  CHECK(refused());
}

TEST_CASE("repack model: two runs cannot write into one folder") {
  const Scratch scratch;
  const fixtures::Model model(written(scratch, sound_layers()));
  const layers::PackedFolder held(scratch / "out", model);
  CHECK(error_of(scratch / "out", [&] { layers::repack_model(options_for(scratch)); }) ==
        "FILE/repack.json: another run is writing into this folder");
}

TEST_CASE("walk: outcomes are in the order of the layers and no more are at work than asked") {
  std::vector<std::string> layers;
  for (int i = 0; i < 40; ++i) layers.push_back(std::to_string(i));
  std::atomic<int> at_work = 0, most = 0, told = 0;
  const auto work = [&](const std::string& layer) {
    const int now = ++at_work;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    if (layer == "7") throw InputError("unsound");
    if (layer == "8") throw CannotTest("odd");
    --at_work;
    return layers::LayerOutcome{.layer = layer};
  };
  const auto outcomes = layers::walk(layers, 3, work, [&](const layers::LayerOutcome&) { ++told; });
  CHECK(told == 40);
  CHECK(most <= 5);  // 3, and the two that threw were not taken off
  for (int i = 0; i < 40; ++i)
    CHECK(outcomes[static_cast<std::size_t>(i)].layer == layers[static_cast<std::size_t>(i)]);
  CHECK(outcomes[7].kind == Kind::bad_input);
  CHECK(outcomes[7].reason == "unsound");
  CHECK(outcomes[8].kind == Kind::cannot);
  const auto fails = [](const std::string&) -> layers::LayerOutcome { throw std::runtime_error("disk full"); };
  CHECK_THROWS_WITH(layers::walk(layers, 2, fails, [](const layers::LayerOutcome&) {}), "disk full");
}

TEST_CASE("progress bar: rate and time left are those of what is done") {
  CHECK(report::bar_text("repack", 0, 4, 0, "") == "repack  [....................]  0 of 4");
  CHECK(report::bar_text("repack", 1, 4, 0.5, "a") == "repack  [#####...............]  1 of 4  2.0/s  2 s left  a");
  CHECK(report::bar_text("repack", 2, 4, 20, "") == "repack  [##########..........]  2 of 4  10.0 s each  20 s left");
  CHECK(report::bar_text("repack", 4, 4, 2, "") == "repack  [####################]  4 of 4  2.0/s  0 s left");
}
