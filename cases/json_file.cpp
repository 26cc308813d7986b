// SPDX-License-Identifier: Apache-2.0
#include "cases/json_file.h"

#include "fixtures/error.h"

#include <unistd.h>

#include <fstream>

namespace w4::cases {
namespace {

namespace fs = std::filesystem;

/// Where a report grows before it is renamed; what is no regular file (a pipe, a device) is written as it is.
fs::path part_of(const fs::path& target) {
  if (fs::exists(target) && !fs::is_regular_file(target)) return target;
  return target.string() + fmt::format(".part{}", ::getpid());
}

}  // namespace

void write_json(const fs::path& target, const std::string& text) {
  const fs::path part = part_of(target);
  std::ofstream file(part);
  file << text << (text.ends_with('\n') ? "" : "\n");
  file.close();
  if (file && part != target) fs::rename(part, target);
  if (file) return;
  if (part != target) fs::remove(part);
  throw InputError("{}: cannot be written", target.string());
}

void check_writable(const fs::path& target) {
  if (target.empty() || target == "-") return;
  if (fs::is_directory(target)) throw InputError("{}: is a folder, a file is expected", target.string());
  const fs::path part = part_of(target);
  if (part == target) return;
  if (!std::ofstream(part)) throw InputError("{}: cannot be written", target.string());
  fs::remove(part);
}

}  // namespace w4::cases
