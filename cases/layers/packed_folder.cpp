// SPDX-License-Identifier: Apache-2.0
#include "cases/layers/packed_folder.h"

#include "cases/layers/each_layer.h"
#include "cases/report/write_file.h"
#include "fixtures/error.h"
#include "fixtures/files/bytes.h"
#include "fixtures/files/json_dump.h"
#include "fixtures/files/json_text.h"
#include "fixtures/files/mapped_file.h"
#include "fixtures/files/safetensors.h"
#include "fixtures/files/write_beside.h"

#include <fcntl.h>
#include <re2/re2.h>
#include <sys/file.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>

namespace w4::cases::layers {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kBegun = "repack.json";
constexpr std::size_t kMostNameBytes = 200;  // file systems take 255; temporary names are longer

/// A temporary file or folder of write_beside() or write_json(), left by a killed run.
bool is_half_written(const fs::path& file) {
  static const RE2 half_written(R"(\..*\.(safetensors|json)\.[0-9a-f]{16})");
  return RE2::FullMatch(file.filename().string(), half_written);
}

bool holds_something(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (!is_half_written(entry.path())) return true;
  return false;
}

void begin(const fs::path& folder, const json& identity) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw InputError("{}: cannot be made: {}", folder.string(), error.message());
  const fs::path begun = folder / kBegun;
  if (!fs::exists(begun)) {
    if (holds_something(folder))
      throw InputError("{}: is not empty and has no {}: nothing is overwritten", folder.string(), kBegun);
    const std::string text = fixtures::files::dumped(identity, 2) + "\n";
    fixtures::files::write_beside(begun,
                                  [&](const fs::path& temporary) { fixtures::files::write_file(temporary, {text}); });
  } else if (fixtures::files::parse_json(fixtures::files::map_file(begun).text(), begun.string()) !=
             json::parse(fixtures::files::dumped(identity))) {
    throw InputError("{}: {}", begun.string(), fmt::format(kOtherIdentity, identity["model"].get<std::string>()));
  }
}

/// The lock is held until the descriptor is closed or the process ends.
int locked(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw InputError("{}: cannot be opened: {}", file.string(), std::strerror(errno));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  ::close(descriptor);
  throw InputError("{}: another run is writing into this folder", file.string());
}

void remove_half_written(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (is_half_written(entry.path())) fs::remove_all(entry.path());
}

}  // namespace

PackedFolder::PackedFolder(fs::path folder, const fixtures::Model& model, fixtures::Trust trust)
    : folder_(std::move(folder)) {
  begin(folder_, identity_of(model, trust));
  lock_ = locked(folder_ / kBegun);
  remove_half_written(folder_);
}

PackedFolder::~PackedFolder() { ::close(lock_); }

fs::path PackedFolder::file_of(const std::string& layer) const {
  const bool possible = !layer.empty() && layer[0] != '.' && layer.size() <= kMostNameBytes &&
                        layer.find('/') == std::string::npos && layer.find('\0') == std::string::npos;
  if (!possible) throw InputError("layer '{}' has a name that no file can have", fixtures::files::printable(layer));
  return folder_ / (layer + ".safetensors");
}

void PackedFolder::write_index(const std::vector<std::string>& layers) const {
  json weight_map = json::object();
  std::uint64_t bytes = 0;
  for (const std::string& layer : layers) {
    const fs::path file = file_of(layer);
    for (const auto& [name, tensor] : fixtures::files::parse_safetensors(fixtures::files::map_file(file)).tensors) {
      weight_map[name] = file.filename().string();
      bytes += tensor.bytes();
    }
  }
  const json index = {{"metadata", {{"total_size", bytes}}}, {"weight_map", weight_map}};
  report::write_json(folder_ / "config.json",
                     fixtures::files::dumped(json{{"quantization_config", {{"quant_method", "marlin"}}}}, 2));
  report::write_json(folder_ / "model.safetensors.index.json", fixtures::files::dumped(index, 2));
}

}  // namespace w4::cases::layers
