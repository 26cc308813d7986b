// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace w4::cases::report {

/// Results of a long run: a heading, then one line of JSON per result, written at once. A killed run loses at most one
/// result, and the same command resumes it. Without a path nothing is written.
class LinesFile {
 public:
  /// Begins the file, or reads the results of an earlier run and removes a truncated last line. Throws InputError for a
  /// file with another heading (message: `other`; "made", its last field, may differ) and for one that is no such file.
  LinesFile(const std::filesystem::path& path, const nlohmann::ordered_json& heading, const std::string& other);
  ~LinesFile();
  LinesFile(const LinesFile&) = delete;
  LinesFile& operator=(const LinesFile&) = delete;

  /// The heading of the earlier run, null: there was none; and its results.
  const nlohmann::ordered_json& kept_heading() const { return *kept_heading_; }
  const std::vector<nlohmann::ordered_json>& kept() const { return kept_; }

  /// Appends a line. Throws InputError when that fails, and removes the part that was written.
  void add(const nlohmann::ordered_json& result);

 private:
  std::filesystem::path path_;
  std::unique_ptr<nlohmann::ordered_json> kept_heading_;
  std::vector<nlohmann::ordered_json> kept_;
  int file_ = -1;
};

}  // namespace w4::cases::report
