// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/sanitizer.h"

#include "fixtures/error.h"
#include "kernel/child/case_folder.h"
#include "kernel/child/plugin_kernel.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace w4::kernel::child {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "compute-sanitizer";
constexpr std::size_t kMostFindings = 3;
constexpr std::string_view kPrefix = "========= ";

/// The tool on PATH or in the toolkit's usual folder; empty: not found.
fs::path program() {
  std::stringstream folders(std::string(std::getenv("PATH") == nullptr ? "" : std::getenv("PATH")) +
                            ":/usr/local/cuda/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const fs::path file = fs::path(folder) / kProgram; !folder.empty() && ::access(file.c_str(), X_OK) == 0)
      return file;
  return {};
}

/// The number after `words` in the line.
bool number_behind(std::string_view line, std::string_view words, long long& number) {
  const auto at = line.find(words);
  if (at == std::string_view::npos) return false;
  const std::string_view rest = line.substr(at + words.size());
  return std::from_chars(rest.data(), rest.data() + rest.size(), number).ec == std::errc();
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// "marlin_write.cuh:118" from "... +0x3d80 in marlin_write.cuh:118 [96 hazards]"; empty: none.
std::string source_of(std::string_view line) {
  const auto at = line.rfind(" in ");
  const std::string_view rest = at == std::string_view::npos ? "" : line.substr(at + 4);
  const std::string_view place = rest.substr(0, rest.find(' '));
  return contains(place, ":") ? std::string(place) : "";
}

/// The kind of hazard from the two accesses of a race, "Read access at ..." or "Write ...", in program order.
struct Race {
  bool first_writes = false;
  bool second_writes = false;
  std::string_view name() const {
    return !first_writes ? "write after read" : second_writes ? "write after write" : "read after write";
  }
};

constexpr std::string_view kRace = "Race reported between ";

bool begins_race(std::string_view line) { return contains(line, kRace); }
bool is_write(std::string_view line) { return contains(line, "Write access"); }

/// Whether the line begins a finding: not indented, and none of the tool's own remarks.
bool begins_finding(std::string_view line) {
  if (line.empty() || line.starts_with(' ')) return false;
  for (const std::string_view noise : {"COMPUTE-SANITIZER", "LEAK SUMMARY", "Warning: ", "Target application", "Saving",
                                       "Program hit", "Error: Target", "Error: process"})
    if (line.starts_with(noise)) return false;
  return true;
}

/// Distinct findings, thread and address left out, with the source lines that they name.
class Findings {
 public:
  explicit Findings(SanitizerAnswer& answer) : answer_(answer) {}

  void begin(std::string_view line) {
    end();
    open_ = true;
    racing_ = begins_race(line);
    race_ = {.first_writes = is_write(line)};
    title_ = line;
    if (racing_) go_on(line);
  }
  /// A further line of the finding: for a race the second access.
  void go_on(std::string_view line) {
    if (!open_) return;
    const std::string source = source_of(line);
    if (!source.empty() && std::find(sources_.begin(), sources_.end(), source) == sources_.end())
      sources_.push_back(source);
    if (!racing_ || begins_race(line) || !contains(line, " access at ")) return;
    race_.second_writes = is_write(line);
    note(race_);
  }
  void end() {
    if (open_) add(racing_ ? std::string(race_.name()) : title_);
    open_ = false;
    sources_.clear();
  }

 private:
  void note(const Race& race) {
    answer_.write_after_read |= !race.first_writes;
    answer_.read_after_write |= race.first_writes && !race.second_writes;
    answer_.write_after_write |= race.first_writes && race.second_writes;
  }
  void add(const std::string& title) {
    const std::string text = sources_.empty() ? title : fmt::format("{} at {}", title, fmt::join(sources_, " and "));
    std::vector<std::string>& all = answer_.findings;
    if (std::find(all.begin(), all.end(), text) == all.end() && all.size() < kMostFindings) all.push_back(text);
  }

  SanitizerAnswer& answer_;
  bool open_ = false, racing_ = false;
  Race race_;
  std::string title_;
  std::vector<std::string> sources_;
};

std::vector<std::string> command(const fs::path& sanitizer, std::string_view tool, const fs::path& log) {
  return {sanitizer.string(), "--tool", std::string(tool), "--target-processes", "all", "--print-limit", "20",
          "--show-backtrace", "no",     "--log-file",      log.string()};
}

}  // namespace

std::string SanitizerAnswer::text() const {
  if (!finished) return fmt::format("{} did not finish, which is not a clean answer: {}", tool, problem);
  if (errors == 0) return tool + ": no errors";
  return fmt::format("{}: {} errors{}{}", tool, errors, findings.empty() ? "" : ": ", fmt::join(findings, "; "));
}

SanitizerAnswer parse_sanitizer(std::string_view tool, std::string_view log) {
  SanitizerAnswer answer;
  answer.tool = tool;
  Findings findings(answer);
  std::istringstream lines{std::string(log)};
  for (std::string whole; std::getline(lines, whole);) {
    if (!whole.starts_with(kPrefix)) continue;
    const std::string_view line = std::string_view(whole).substr(kPrefix.size());
    if (number_behind(line, "ERROR SUMMARY: ", answer.errors) ||
        number_behind(line, "RACECHECK SUMMARY: ", answer.errors)) {
      answer.finished = true;
      findings.end();
    } else if (line.starts_with("Error: Target") || contains(line, "Internal Sanitizer Error")) {
      answer.problem = line;
    } else if (begins_finding(line)) {
      findings.begin(line);
    } else {
      findings.go_on(line);
    }
  }
  findings.end();
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
  const TemporaryFolder folder;
  const fs::path log = folder.path() / "log";
  std::string how;
  try {
    PluginKernel kernel(plugin, timeout, command(sanitizer, tool, log));
    const RunResult result = kernel.run(task);
    if (result.timed_out) how = "it was not done in time";
    if (!kernel.finish() && how.empty()) how = "it had to be ended";
  } catch (const Error& error) {
    how = error.what();
  }
  std::ifstream file(log);
  answer = parse_sanitizer(tool, std::string(std::istreambuf_iterator<char>(file), {}));
  if (!answer.finished && !how.empty()) answer.problem = how;
  return answer;
}

}  // namespace w4::kernel::child
