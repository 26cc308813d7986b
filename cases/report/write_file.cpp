// SPDX-License-Identifier: Apache-2.0
#include "cases/report/write_file.h"

#include "fixtures/error.h"
#include "fixtures/files/new_file.h"
#include "fixtures/files/temporaries.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace w4::cases::report {
namespace {

namespace fs = std::filesystem;
using fixtures::files::unguessable_beside;

/// A pipe or a device is written as it is, and is never replaced.
bool is_written_directly(const fs::path& target) { return fs::exists(target) && !fs::is_regular_file(target); }

/// With the text of errno, if it is set.
InputError cannot_write(const fs::path& target) {
  const std::string why = errno == 0 ? "" : fmt::format(": {}", std::strerror(errno));
  return InputError("{}: cannot be written{}", target.string(), why);
}

void write_directly(const fs::path& target, const std::string& text) {
  errno = 0;
  std::ofstream file(target);
  file << text;
  file.close();
  if (!file) throw cannot_write(target);
}

/// A temporary file beside the target, which goes unless it becomes the target.
class Part {
 public:
  explicit Part(const fs::path& target)
      : target_(target), part_(unguessable_beside(target)), file_(part_.path(), target) {}

  void keep(const std::string& text) {
    file_.write(text);
    file_.sync();
    file_.close();
    if (std::rename(part_.path().c_str(), target_.c_str()) != 0) throw cannot_write(target_);
    part_.keep();
    fixtures::files::sync_entries(target_.has_parent_path() ? target_.parent_path() : fs::path("."));
  }

 private:
  fs::path target_;
  fixtures::files::Temporary part_;
  fixtures::files::NewFile file_;
};

}  // namespace

void write_json(const fs::path& target, const std::string& text) {
  const std::string whole = text.ends_with('\n') ? text : text + "\n";
  if (is_written_directly(target)) return write_directly(target, whole);
  Part(target).keep(whole);
}

void check_writable(const fs::path& target) {
  if (target.empty() || target == "-") return;
  if (fs::is_directory(target)) throw InputError("{}: is a folder, a file is expected", target.string());
  if (!is_written_directly(target)) const Part can_be_made(target);
}

}  // namespace w4::cases::report
