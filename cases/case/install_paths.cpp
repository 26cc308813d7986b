// SPDX-License-Identifier: Apache-2.0
#include "cases/case/install_paths.h"

#include <cstdlib>

namespace w4::cases {
namespace {

namespace fs = std::filesystem;

/// Where `cmake --install` puts data, relative to programs in libexec/w4bisect: the installed tree can be moved.
fs::path installed_root() {
  std::error_code none;
  const fs::path program = fs::read_symlink("/proc/self/exe", none);
  return (program.parent_path() / "../../share/w4bisect").lexically_normal();
}

bool is_installed() {
  static const bool installed = fs::exists(installed_root());
  return installed;
}

}  // namespace

fs::path source_root() {
  if (const char* root = std::getenv("W4_ROOT")) return root;
  return is_installed() ? installed_root() : fs::path(W4_SOURCE_DIR);
}

std::string launcher() { return is_installed() ? "w4bisect" : "./bisect"; }

}  // namespace w4::cases
