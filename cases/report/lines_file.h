// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace w4::cases::report {

/// Results of a long run, a line of JSON each behind a heading, written as they come: a kill loses at most the one in
/// hand, and the same run goes on where it was. Without a path nothing is kept.
class LinesFile {
 public:
  /// Begins the file, or reads what an earlier run left; a last line cut short is taken off. Throws InputError for a
  /// file with another heading (`other` says what that means), or that holds something else.
  LinesFile(const std::filesystem::path& path, const nlohmann::ordered_json& heading, const std::string& other);
  ~LinesFile();
  LinesFile(const LinesFile&) = delete;
  LinesFile& operator=(const LinesFile&) = delete;

  /// The lines behind the heading that were there.
  const std::vector<nlohmann::ordered_json>& kept() const { return kept_; }

  /// Throws InputError when it cannot be written; what was begun of the line is taken back.
  void add(const nlohmann::ordered_json& result);

 private:
  std::filesystem::path path_;
  std::vector<nlohmann::ordered_json> kept_;
  int file_ = -1;
};

}  // namespace w4::cases::report
