// SPDX-License-Identifier: Apache-2.0
#include "cases/layers/lint_model.h"
#include "cases/tests/fixtures/model_files.h"
#include "fixtures/layer/model.h"
#include "fixtures/random/random_layer.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <sstream>

namespace {

using namespace w4;
using namespace w4::cases;
using namespace w4::fixtures::test;
using fixtures::lint::Severity;
namespace fs = std::filesystem;

constexpr const char* kConfig =
    R"({"quantization_config":{"quant_method":"gptq","bits":4,"checkpoint_format":"gptq"}})";

/// Twelve sound layers, one whose stored zero points are those of v2 under a config of v1, and one cut short.
fs::path model_with_two_wrong(const Scratch& scratch) {
  std::map<std::string, std::map<std::string, fixtures::files::Tensor>> files;
  for (int i = 0; i < 12; ++i)
    files["a.safetensors"].merge(named_tensors(small_layer(static_cast<std::uint64_t>(i)), fmt::format("m.{}.up", i)));
  files["a.safetensors"].merge(
      named_tensors(fixtures::random::random_layer({.zero_encoding = fixtures::ZeroEncoding::plain,
                                                    .K = 128,
                                                    .N = 64,
                                                    .group_size = 32,
                                                    .symmetric = false,
                                                    .seed = 5}),
                    "m.3.down"));
  auto broken = named_tensors(small_layer(20), "m.4.down");
  broken.at("m.4.down.scales").shape = {64, 4};
  files["b.safetensors"] = broken;
  return write_model(scratch, "model", files, kConfig);
}

int lines_in(const fs::path& file) { return static_cast<int>(std::ranges::count(content_of(file), '\n')); }

bool has(const layers::LintedModel& model, const std::string& layer, Severity severity) {
  const auto found = std::ranges::find(model.layers, layer, &layers::LintedLayer::layer);
  return found != model.layers.end() &&
         std::ranges::count(found->lines, severity, &fixtures::lint::LintLine::severity) > 0;
}

}  // namespace

TEST_CASE("lint model: what is wrong with one layer is its line and the others are looked at all the same") {
  const Scratch scratch;
  const layers::LintedModel model = layers::lint_model(model_with_two_wrong(scratch), "", true);
  CHECK(model.layers.size() == 14);
  CHECK(has(model, "m.4.down", Severity::error));
  for (int i = 0; i < 12; ++i) CHECK_FALSE(has(model, fmt::format("m.{}.up", i), Severity::error));
  const std::string text = layers::text_of(model);
  CHECK(text.starts_with("error    1 of 14 layers, first m.4.down\n"));
  CHECK(text.find("layers   14, ") != std::string::npos);
  CHECK(layers::json_of(model)["layers"].size() == 14);
}

TEST_CASE("lint model: a run that was cut short goes on and ends with the same results") {
  const Scratch scratch;
  const fs::path model = model_with_two_wrong(scratch), results = scratch / "results.jsonl";
  const std::string whole = layers::text_of(layers::lint_model(model, results, true));
  CHECK(lines_in(results) == 15);
  const std::string content = content_of(results);
  for (const double part : {0.3, 0.6, 0.95}) {
    scratch.file("results.jsonl", content.substr(0, static_cast<std::size_t>(part * content.size())));
    CHECK(layers::text_of(layers::lint_model(model, results, true)) == whole);
    CHECK(lines_in(results) == 15);
  }
  std::istringstream again(content_of(results));
  std::set<std::string> once;
  for (std::string line; std::getline(again, line);) CHECK(once.insert(line).second);
}

TEST_CASE("lint model: results of another model and files that are no results are refused") {
  const Scratch scratch;
  const fs::path model = model_with_two_wrong(scratch), results = scratch / "results.jsonl";
  scratch.file("results.jsonl", "mine");
  CHECK(error_of(results, [&] { layers::lint_model(model, results, true); }) ==
        "FILE: holds something else, nothing is overwritten");
  scratch.file("results.jsonl", "{\"mine\":1}\n");
  CHECK(error_of(results, [&] {
          layers::lint_model(model, results, true);
        }).starts_with("FILE: was begun from other files than those of "));
  fs::remove(results);
  layers::lint_model(model, results, true);
  CHECK(error_of(results, [&] {
          layers::lint_model(model, results, true, fixtures::Trust::data);
        }).find("another config or --trust") != std::string::npos);
  scratch.file("results.jsonl", "mine\n");
  CHECK(error_of(results, [&] { layers::lint_model(model, results, true); }).starts_with("FILE: "));
  CHECK(content_of(results) == "mine\n");
}
