// SPDX-License-Identifier: Apache-2.0
#include "kernel/sanitizer.h"

#include "fixtures/error.h"
#include "kernel/plugin_kernel.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace w4::kernel {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "compute-sanitizer";
constexpr std::size_t kMostFindings = 3;
constexpr std::string_view kPrefix = "========= ";

/// On PATH, or where the toolkit is usually installed; empty: nowhere.
fs::path program() {
  std::stringstream folders(std::string(std::getenv("PATH") == nullptr ? "" : std::getenv("PATH")) +
                            ":/usr/local/cuda/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const fs::path file = fs::path(folder) / kProgram; !folder.empty() && ::access(file.c_str(), X_OK) == 0)
      return file;
  return {};
}

/// The number behind `words`, when the line has them.
bool number_behind(std::string_view line, std::string_view words, long long& number) {
  const auto at = line.find(words);
  if (at == std::string_view::npos) return false;
  const std::string_view rest = line.substr(at + words.size());
  return std::from_chars(rest.data(), rest.data() + rest.size(), number).ec == std::errc();
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// A line that begins what the tool has found, at the margin of the log; what belongs to it is indented.
bool begins_finding(std::string_view line) {
  if (line.empty() || line.starts_with(' ')) return false;
  for (const std::string_view noise : {"COMPUTE-SANITIZER", "ERROR SUMMARY", "RACECHECK SUMMARY", "LEAK SUMMARY",
                                       "Target application", "Error: Target", "Warning: ", "Saving", "Program hit"})
    if (line.starts_with(noise)) return false;
  return true;
}

void note_hazard(std::string_view line, SanitizerAnswer& answer) {
  // "Write-After-Read", "(WAR)" in hazard reports; "between Read access at ... and Write access at ..." in analysis
  answer.write_after_read |=
      contains(line, "WAR") || contains(line, "Write-after-read") || contains(line, "Write-After-Read");
  answer.read_after_write |=
      contains(line, "RAW") || contains(line, "Read-after-write") || contains(line, "Read-After-Write");
  answer.write_after_write |=
      contains(line, "WAW") || contains(line, "Write-after-write") || contains(line, "Write-After-Write");
}

/// A log file that is gone with this object.
struct LogFile {
  fs::path path;
  LogFile() {
    std::string name = (fs::temp_directory_path() / "w4_sanitizer_XXXXXX").string();
    const int fd = ::mkstemp(name.data());
    if (fd < 0) throw CannotTest("{}: no file can be made there", fs::temp_directory_path().string());
    ::close(fd);
    path = name;
  }
  ~LogFile() { ::unlink(path.c_str()); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  std::string text() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

}  // namespace

std::string SanitizerAnswer::text() const {
  if (!finished) return fmt::format("{} did not finish, which is not a clean answer: {}", tool, problem);
  if (errors == 0) return tool + ": no errors";
  return fmt::format("{}: {} errors{}{}", tool, errors, findings.empty() ? "" : ": ", fmt::join(findings, "; "));
}

SanitizerAnswer parse_sanitizer(std::string_view tool, std::string_view log) {
  SanitizerAnswer answer;
  answer.tool = tool;
  std::istringstream lines{std::string(log)};
  for (std::string whole; std::getline(lines, whole);) {
    if (!whole.starts_with(kPrefix)) continue;
    const std::string_view line = std::string_view(whole).substr(kPrefix.size());
    long long count = 0;
    if (number_behind(line, "ERROR SUMMARY: ", count) || number_behind(line, "RACECHECK SUMMARY: ", count)) {
      answer.finished = true;
      answer.errors = count;
    } else if (line.starts_with("Error: ") || contains(line, "Internal Sanitizer Error")) {
      answer.problem = line;
    }
    note_hazard(line, answer);
    if (begins_finding(line) && answer.findings.size() < kMostFindings &&
        std::find(answer.findings.begin(), answer.findings.end(), line) == answer.findings.end())
      answer.findings.emplace_back(line);
  }
  if (!answer.finished && answer.problem.empty()) answer.problem = "it wrote no summary";
  return answer;
}

SanitizerAnswer sanitize(const fs::path& plugin, const Task& task, std::string_view tool,
                         std::chrono::milliseconds timeout) {
  SanitizerAnswer answer;
  answer.tool = tool;
  const fs::path sanitizer = program();
  if (sanitizer.empty()) {
    answer.problem = fmt::format("{} is not there", kProgram);
    return answer;
  }
  const LogFile log;
  std::string how;
  try {
    PluginKernel kernel(plugin, timeout,
                        {sanitizer.string(), "--tool", std::string(tool), "--target-processes", "all", "--print-limit",
                         "20", "--log-file", log.path.string()});
    const RunResult result = kernel.run(task);
    if (result.timed_out) how = "it was not done in time";
    if (!kernel.finish() && how.empty()) how = "it had to be ended";
  } catch (const Error& error) {
    how = error.what();
  }
  answer = parse_sanitizer(tool, log.text());
  if (!answer.finished && !how.empty()) answer.problem = how;
  return answer;
}

}  // namespace w4::kernel
