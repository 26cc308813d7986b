// SPDX-License-Identifier: Apache-2.0
#include "cases/model/results_file.h"

#include "fixtures/error.h"
#include "fixtures/json_text.h"
#include "fixtures/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <set>

namespace w4::cases {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string line_of(const json& value) { return value.dump(-1, ' ', true, json::error_handler_t::replace) + "\n"; }

/// The lines that were written to their end.
std::vector<json> whole_lines(const std::string& text, const std::string& where) {
  std::vector<json> lines;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(fixtures::parse_json(text.substr(begin, end - begin), where));
  return lines;
}

}  // namespace

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

ResultsFile::ResultsFile(const fs::path& path, const fixtures::Model& model) : path_(path) {
  if (path.empty()) return;
  const std::string where = path.string();
  const json identity = identity_of(model);
  if (std::error_code ignored; fs::exists(path, ignored) && fs::file_size(path, ignored) > 0) {
    const std::string text(fixtures::map_file(path).text());
    kept_ = whole_lines(text, where);
    if (!kept_.empty() && kept_[0] != identity)
      throw InputError("{}: was begun from other files than those of {}, or they have changed since", where,
                       model.folder().string());
    if (kept_.empty()) throw InputError("{}: holds something else, nothing is overwritten", where);
    kept_.erase(kept_.begin());
    fs::resize_file(path, text.rfind('\n') + 1);
  }
  const bool fresh = !fs::exists(path) || fs::file_size(path) == 0;
  file_ = std::fopen(path.c_str(), "ab");
  if (file_ == nullptr) throw InputError("{}: cannot be written: {}", where, std::strerror(errno));
  if (fresh) add(identity);
}

ResultsFile::~ResultsFile() {
  if (file_ != nullptr) std::fclose(file_);
}

void ResultsFile::add(const json& result) {
  if (file_ == nullptr) return;
  const std::string line = line_of(result);
  if (std::fwrite(line.data(), line.size(), 1, file_) != 1 || std::fflush(file_) != 0)
    throw InputError("{}: cannot be written: {}", path_.string(), std::strerror(errno));
}

}  // namespace w4::cases
