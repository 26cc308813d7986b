// SPDX-License-Identifier: Apache-2.0
#include "cases/layers/each_layer.h"

#include "fixtures/error.h"
#include "fixtures/files/bytes.h"
#include "fixtures/files/checksum.h"

#include <fnmatch.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

namespace w4::cases::layers {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

LayerOutcome outcome_of(const std::string& layer, const LayerWork& work) {
  try {
    return work(layer);
  } catch (const Error& error) {
    const bool cannot = error.exit_code() == kCannotTest;
    return {.layer = layer,
            .kind = cannot ? LayerOutcome::Kind::cannot : LayerOutcome::Kind::bad_input,
            .reason = error.what()};
  }
}

}  // namespace

// Threads, not oneTBB tasks: a task that waits for its inner loops may begin another layer, and more than `at_once`
// layers would be in memory.
std::vector<LayerOutcome> walk(const std::vector<std::string>& layers, int at_once, const LayerWork& work,
                               const std::function<void(const LayerOutcome&)>& told) {
  std::vector<LayerOutcome> outcomes(layers.size());
  std::atomic<std::size_t> next = 0;
  std::mutex one_at_a_time;
  std::exception_ptr failure;
  const auto worker = [&] {
    for (std::size_t i = next++; i < layers.size(); i = next++) {
      try {
        LayerOutcome outcome = outcome_of(layers[i], work);
        const std::scoped_lock lock(one_at_a_time);
        told(outcome);
        outcomes[i] = std::move(outcome);
      } catch (...) {
        const std::scoped_lock lock(one_at_a_time);
        failure = std::current_exception();
        next = layers.size();
      }
    }
  };
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < std::min<int>(at_once, static_cast<int>(layers.size())); ++i) workers.emplace_back(worker);
  }
  if (failure) std::rethrow_exception(failure);
  return outcomes;
}

std::vector<std::string> layers_like(const std::vector<std::string>& layers, const std::vector<std::string>& patterns) {
  if (patterns.empty()) return layers;
  const auto fits = [](const std::string& layer, const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), layer.c_str(), 0) == 0;
  };
  for (const std::string& pattern : patterns)
    if (std::none_of(layers.begin(), layers.end(), [&](const std::string& layer) { return fits(layer, pattern); }))
      throw InputError("--layer '{}' fits none of the {} layers; the first is {}", pattern, layers.size(),
                       fixtures::files::printable(layers.at(0)));
  std::vector<std::string> chosen;
  for (const std::string& layer : layers)
    if (std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return fits(layer, pattern); }))
      chosen.push_back(layer);
  return chosen;
}

json identity_of(const fixtures::Model& model, fixtures::Trust trust) {
  std::set<std::string> files;
  for (const std::string& layer : model.layers())
    for (const std::string& file : model.files_of(layer)) files.insert(file);
  json identity = {{"schema", 2},
                   {"model", fs::weakly_canonical(model.path()).string()},
                   {"trust", static_cast<int>(trust)},
                   {"files", json::object()}};
  for (const fs::path& file : fixtures::config_files(model.folder()))
    identity["configs"].push_back(fixtures::files::checksum_of_file(file));
  for (const std::string& file : files) {
    std::error_code missing;
    const auto size = fs::file_size(model.folder() / file, missing);
    const auto time = fs::last_write_time(model.folder() / file, missing).time_since_epoch().count();
    identity["files"][file] = missing ? json(nullptr) : json{size, time};
  }
  return identity;
}

}  // namespace w4::cases::layers
