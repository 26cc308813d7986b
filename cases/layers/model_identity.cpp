// SPDX-License-Identifier: Apache-2.0
#include "cases/layers/model_identity.h"

#include <nlohmann/json.hpp>

#include <set>

namespace w4::cases::layers {

namespace fs = std::filesystem;
using nlohmann::json;

json identity_of(const fixtures::Model& model) {
  std::set<std::string> files;
  for (const std::string& layer : model.layers())
    for (const std::string& file : model.files_of(layer)) files.insert(file);
  json identity = {{"schema", 1}, {"model", fs::weakly_canonical(model.folder()).string()}, {"files", json::object()}};
  for (const std::string& file : files) {
    std::error_code missing;
    const auto size = fs::file_size(model.folder() / file, missing);
    const auto time = fs::last_write_time(model.folder() / file, missing).time_since_epoch().count();
    identity["files"][file] = missing ? json(nullptr) : json{size, time};
  }
  return identity;
}

}  // namespace w4::cases::layers
