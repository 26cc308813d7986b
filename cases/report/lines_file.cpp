// SPDX-License-Identifier: Apache-2.0
#include "cases/report/lines_file.h"

#include "fixtures/error.h"
#include "fixtures/files/json_dump.h"
#include "fixtures/files/mapped_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstring>
#include <utility>

namespace w4::cases::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string line_of(const ordered_json& value) { return fixtures::files::dumped(value) + "\n"; }

/// What headings are compared by: where and when a run was made does not matter.
std::string identity_of(ordered_json heading) {
  if (heading.is_object()) heading.erase("made");
  return line_of(heading);
}

/// Whether a heading that was cut short can be the start of this one.
bool begins(const std::string& cut, const ordered_json& heading) {
  constexpr std::size_t kEnd = 2;  // "}" and the line feed: "made" may follow
  const std::string identity = identity_of(heading);
  return identity.compare(0, std::min(cut.size(), identity.size() - kEnd), cut, 0,
                          std::min(cut.size(), identity.size() - kEnd)) == 0;
}

/// The complete lines.
std::vector<ordered_json> whole_lines(const std::string& text, const std::string& where) {
  std::vector<ordered_json> lines;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(ordered_json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                        text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false));
    if (lines.back().is_discarded()) throw InputError("{}: line {} is no JSON", where, lines.size());
  }
  return lines;
}

}  // namespace

LinesFile::LinesFile(const fs::path& path, const ordered_json& heading, const std::string& other)
    : path_(path), kept_heading_(std::make_unique<ordered_json>()) {
  if (path.empty()) return;
  const std::string where = path.string();
  if (std::error_code ignored; fs::is_regular_file(path, ignored) && fs::file_size(path, ignored) > 0) {
    const std::string text(fixtures::files::map_file(path).text());
    kept_ = whole_lines(text, where);
    if (kept_.empty() && !begins(text, heading))
      throw InputError("{}: holds something else, nothing is overwritten", where);
    if (!kept_.empty() && identity_of(kept_[0]) != identity_of(heading)) throw InputError("{}: {}", where, other);
    if (!kept_.empty()) {
      *kept_heading_ = std::move(kept_[0]);
      kept_.erase(kept_.begin());
    }
    fs::resize_file(path, text.find_last_of('\n') + 1);  // a truncated heading is removed as well
  }
  const bool fresh = !fs::is_regular_file(path) || fs::file_size(path) == 0;
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) throw InputError("{}: cannot be written: {}", where, std::strerror(errno));
  if (fresh) add(heading);
}

LinesFile::~LinesFile() {
  if (file_ >= 0) ::close(file_);
}

void LinesFile::add(const ordered_json& result) {
  if (file_ < 0) return;
  const std::string line = line_of(result);
  const off_t before = ::lseek(file_, 0, SEEK_END);
  for (std::size_t written = 0; written < line.size();) {
    const ssize_t count = ::write(file_, line.data() + written, line.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int why = errno;
      if (before >= 0 && ::ftruncate(file_, before) != 0)
        ::close(std::exchange(file_, -1));  // the next line would be appended to the broken one
      throw InputError("{}: cannot be written: {}", path_.string(), std::strerror(why));
    }
    written += static_cast<std::size_t>(count);
  }
}

}  // namespace w4::cases::report
