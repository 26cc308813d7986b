// SPDX-License-Identifier: Apache-2.0
#include "cases/report/write_file.h"

#include "fixtures/error.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace w4::cases::report {
namespace {

namespace fs = std::filesystem;

/// The temporary file beside the target, or the target itself if it is no regular file (a pipe, a device).
fs::path part_of(const fs::path& target) {
  if (fs::exists(target) && !fs::is_regular_file(target)) return target;
  return target.string() + fmt::format(".part{}", ::getpid());
}

/// With the text of errno, if it is set.
InputError cannot_write(const fs::path& target) {
  const std::string why = errno == 0 ? "" : fmt::format(": {}", std::strerror(errno));
  return InputError("{}: cannot be written{}", target.string(), why);
}

}  // namespace

void write_json(const fs::path& target, const std::string& text) {
  const fs::path part = part_of(target);
  errno = 0;
  std::ofstream file(part);
  file << text << (text.ends_with('\n') ? "" : "\n");
  file.close();
  if (file && (part == target || std::rename(part.c_str(), target.c_str()) == 0)) return;
  const InputError error = cannot_write(target);
  if (part != target) ::unlink(part.c_str());
  throw error;
}

void check_writable(const fs::path& target) {
  if (target.empty() || target == "-") return;
  if (fs::is_directory(target)) throw InputError("{}: is a folder, a file is expected", target.string());
  const fs::path part = part_of(target);
  if (part == target) return;
  errno = 0;
  if (!std::ofstream(part)) throw cannot_write(target);
  fs::remove(part);
}

}  // namespace w4::cases::report
