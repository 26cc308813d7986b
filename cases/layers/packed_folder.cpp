// SPDX-License-Identifier: Apache-2.0
#include "cases/layers/packed_folder.h"

#include "cases/layers/each_layer.h"
#include "cases/report/write_file.h"
#include "fixtures/error.h"
#include "fixtures/files/bytes.h"
#include "fixtures/files/checksum.h"
#include "fixtures/files/json_dump.h"
#include "fixtures/files/json_text.h"
#include "fixtures/files/mapped_file.h"
#include "fixtures/files/safetensors.h"
#include "fixtures/files/write_beside.h"
#include "fixtures/layer/model_index.h"

#include <fcntl.h>
#include <re2/re2.h>
#include <sys/file.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace w4::cases::layers {
namespace {

namespace fs = std::filesystem;
using fixtures::files::ChecksumLine;
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

std::string file_name_of(const std::string& layer) { return layer + ".safetensors"; }

/// The folder is read as a model again.
bool can_be_file(const std::string& layer) {
  return layer.size() <= kMostNameBytes && fixtures::is_plain_file_name(file_name_of(layer));
}

fs::path file_in(const fs::path& folder, const std::string& layer) { return folder / file_name_of(layer); }

/// The identity of what was begun; nothing where a power cut tore it.
std::optional<json> identity_in(const fs::path& begun) {
  if (fs::file_size(begun) == 0) return {};
  const fixtures::files::Bytes bytes = fixtures::files::map_file(begun);
  try {
    return fixtures::files::parse_json(bytes.text(), begun.string());
  } catch (const InputError&) {
    return {};
  }
}

/// Whether a torn identity was replaced. The layers beside it go first, so that they are never taken for the new one's.
bool begin(const fs::path& folder, const json& identity, const std::vector<std::string>& layers) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw InputError("{}: cannot be made: {}", folder.string(), error.message());
  const fs::path begun = folder / kBegun;
  const bool is_new = !fs::exists(begun);
  if (is_new && holds_something(folder))
    throw InputError("{}: is not empty and has no {}: nothing is overwritten", folder.string(), kBegun);
  const std::string text = fixtures::files::dumped(identity, 2) + "\n";
  if (is_new) {
    fixtures::files::write_beside(begun,
                                  [&](const fs::path& temporary) { fixtures::files::write_file(temporary, {text}); });
    return false;
  }
  const std::optional<json> before = identity_in(begun);
  if (before && *before != json::parse(text))  // as it is written, so that names are escaped in both
    throw InputError("{}: {}", begun.string(), fmt::format(kOtherIdentity, identity["model"].get<std::string>()));
  if (before) return false;
  for (const std::string& layer : layers)
    if (can_be_file(layer)) fs::remove(file_in(folder, layer));
  report::write_json(begun, text);
  return true;
}

/// A layer's file; nothing where there is none, or it is damaged.
std::optional<fixtures::files::Container> read(const fs::path& file) {
  try {
    return fixtures::files::parse_safetensors(fixtures::files::map_file(file));
  } catch (const InputError&) {
    return {};
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
    : folder_(std::move(folder)), was_torn_(begin(folder_, identity_of(model, trust), model.layers())) {
  lock_ = locked(folder_ / kBegun);
  remove_half_written(folder_);
}

PackedFolder::~PackedFolder() { ::close(lock_); }

fs::path PackedFolder::file_of(const std::string& layer) const {
  if (!can_be_file(layer))
    throw InputError("layer '{}' has a name that no file can have", fixtures::files::printable(layer));
  return file_in(folder_, layer);
}

bool PackedFolder::holds(const std::string& layer) const {
  const auto file = read(file_of(layer));
  if (!file || file->tensors.empty()) return false;
  const auto is_right = [](const ChecksumLine& line) { return line.verdict == fixtures::files::Checked::ok; };
  return std::ranges::all_of(fixtures::files::verify_checksums(*file), is_right);
}

void PackedFolder::write_index(const std::vector<std::string>& layers) const {
  json weight_map = json::object();
  std::uint64_t bytes = 0;
  for (const std::string& layer : layers) {
    const fs::path path = file_of(layer);
    const auto file = read(path);
    if (!file) continue;
    for (const auto& [name, tensor] : file->tensors) {
      weight_map[name] = path.filename().string();
      bytes += tensor.bytes();
    }
  }
  const json index = {{"metadata", {{"total_size", bytes}}}, {"weight_map", weight_map}};
  report::write_json(folder_ / "config.json",
                     fixtures::files::dumped(json{{"quantization_config", {{"quant_method", "marlin"}}}}, 2));
  report::write_json(folder_ / "model.safetensors.index.json", fixtures::files::dumped(index, 2));
}

}  // namespace w4::cases::layers
