// SPDX-License-Identifier: Apache-2.0
#include "cases/layers/fixture_command.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <CLI/CLI.hpp>

namespace w4::cases::layers {

void add_out(CLI::App& app, std::string& path) {
  app.add_option("OUT", path, "a new .npz, .h5, .safetensors; any other name is a folder of .npy")->required();
}

void add_layer(CLI::App& app, std::string& layer) {
  app.add_option("--layer", layer, "one of several layers, or the end of its name");
}

void add_json(CLI::App& app, bool& json) { app.add_flag("--json", json, "the same for programs"); }

void print_json(const nlohmann::json& out) {
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace w4::cases::layers
