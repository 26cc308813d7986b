// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/model.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <vector>

namespace w4::cases {

/// The model's files, their sizes and times: whether two runs saw the same ones.
nlohmann::json identity_of(const fixtures::Model& model);

/// Results over the layers of a model, a line of JSON each, written as they come: a kill loses at most the one in hand.
/// Without a path nothing is kept.
class ResultsFile {
 public:
  /// Begins the file, or reads what an earlier run left; a last line cut short is taken off. Throws InputError for a
  /// file of another model, or that is no such file.
  ResultsFile(const std::filesystem::path& path, const fixtures::Model& model);
  ~ResultsFile();
  ResultsFile(const ResultsFile&) = delete;
  ResultsFile& operator=(const ResultsFile&) = delete;

  const std::vector<nlohmann::json>& kept() const { return kept_; }
  void add(const nlohmann::json& result);

 private:
  std::filesystem::path path_;
  std::vector<nlohmann::json> kept_;
  std::FILE* file_ = nullptr;
};

}  // namespace w4::cases
