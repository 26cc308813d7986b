// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/open_kernel.h"

#include "fixtures/error.h"
#include "kernel/child/exec_kernel.h"
#include "kernel/child/plugin_kernel.h"

#include <utility>

namespace w4::kernel::child {
namespace {

constexpr std::string_view kPlugin = "plugin:";
constexpr std::string_view kExec = "exec:";
constexpr std::pair<std::string_view, const char*> kOurs[] = {{"cuda", "w4_marlin.so"}, {"naive", "w4_naive.so"}};

bool is_kind(const std::string& spec, std::string_view kind) {
  return spec.starts_with(kind) && spec.size() > kind.size();
}

std::filesystem::path beside_this_program(const char* file) {
  return std::filesystem::read_symlink("/proc/self/exe").replace_filename(file);
}

}  // namespace

std::filesystem::path plugin_file(const std::string& spec) {
  if (is_kind(spec, kPlugin)) return spec.substr(kPlugin.size());
  for (const auto& [name, file] : kOurs) {
    if (spec != name) continue;
    const std::filesystem::path path = beside_this_program(file);
    if (!std::filesystem::exists(path))
      throw CannotTest("--kernel {}: this build has no CUDA kernels ({} is not there); it needs the CUDA toolkit", name,
                       file);
    return path;
  }
  return {};
}

bool is_foreign(const std::string& spec) {
  return is_kind(spec, kPlugin) || is_kind(spec, kExec) ||
         std::ranges::any_of(kOurs, [&](const auto& ours) { return spec == ours.first; });
}

std::unique_ptr<ForeignKernel> open_kernel(const std::string& spec, std::chrono::milliseconds timeout) {
  if (const std::filesystem::path file = plugin_file(spec); !file.empty()) {
    if (!std::filesystem::exists(file)) throw CannotStart("--kernel {}: there is no such file", spec);
    return std::make_unique<PluginKernel>(file, timeout);
  }
  if (is_kind(spec, kExec)) return std::make_unique<ExecKernel>(spec.substr(kExec.size()), timeout);
  throw InputError("kernel '{}': it is one of cuda, naive, plugin:FILE, exec:COMMAND", spec);
}

}  // namespace w4::kernel::child
