// SPDX-License-Identifier: Apache-2.0
// repack MODEL OUT: every quantised layer of a model into Marlin format. See --help.
#include "cases/case/options.h"
#include "cases/commands/main.h"
#include "cases/layers/repack_model.h"
#include "cases/report/write_file.h"
#include "fixtures/files/json_dump.h"
#include "fixtures/terminal.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <CLI/CLI.hpp>

namespace {

using namespace w4;
using namespace w4::cases;

constexpr const char* kAbout =
    R"(Repacks every 4-bit layer of a model, a folder with config.json and
.safetensors files or one such file, into Marlin format: OUT has
NAME.safetensors for each layer (B, scales, and where there are any zeros,
perm, bias and a factor for each row), and is itself read as a model. Layers
that OUT has already are read and kept, so that an interrupted run goes on.

Exit: 0 all are there; 1 a layer, undone again, is not the one it was
(--verify); 125 a layer cannot be had in this form, the others are done;
129 bad input, of a layer or altogether.)";

int run(int argc, char** argv) {
  layers::RepackModelOptions options;
  std::string json, trust;
  int memory_mib = 4096;
  CLI::App app(kAbout, "repack");
  app.add_option("MODEL", options.model, "the model's folder, or its one .safetensors file")->required();
  app.add_option("OUT", options.output,
                 "a folder that does not exist yet, is empty, or was begun from the same model, config and --trust")
      ->required();
  app.add_option("--layer", options.layers, "only layers whose names fit this shell pattern (repeatable)");
  app.add_option("--trust", trust,
                 "data or config: which counts where the model's config and its tensors contradict each other");
  app.add_flag("--verify", options.verify, "undo each layer from what was written, and compare bit for bit");
  app.add_option("--jobs", options.jobs, "layers at once (default: one a core, as far as memory allows)")
      ->check(CLI::PositiveNumber);
  app.add_option("--memory", memory_mib, "MiB that layers at work may take together (default 4096)")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", json, "the outcome of each layer as JSON: a file, or - for standard output");
  app.add_flag("--quiet", options.quiet, "no progress");
  parse_words(app, [&] { app.parse(argc, argv); });
  if (!trust.empty()) options.trust = fixtures::parse_trust(trust);
  options.memory_bytes = static_cast<std::uint64_t>(memory_mib) << 20;
  report::check_writable(json);
  const layers::RepackedModel repacked = layers::repack_model(options);
  const std::string report = fixtures::files::dumped(layers::json_of(repacked, options), 2);
  if (!json.empty() && json != "-") report::write_json(json, report);
  if (json == "-")
    fmt::print("{}\n", report);
  else
    print(layers::text_of(repacked, options));
  return repacked.exit_code();
}

}  // namespace

int main(int argc, char** argv) { return w4::cases::run_program("repack", argc, argv, run); }
