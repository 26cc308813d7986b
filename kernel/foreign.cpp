// SPDX-License-Identifier: Apache-2.0
#include "kernel/foreign.h"

#include "fixtures/error.h"
#include "kernel/exec_kernel.h"
#include "kernel/plugin_kernel.h"

namespace w4::kernel {
namespace {

constexpr std::string_view kPlugin = "plugin:";
constexpr std::string_view kExec = "exec:";

}  // namespace

bool is_foreign(const std::string& spec) { return spec.starts_with(kPlugin) || spec.starts_with(kExec); }

std::unique_ptr<ForeignKernel> open_kernel(const std::string& spec, std::chrono::milliseconds timeout,
                                           const fixtures::Layer* layer) {
  if (spec.starts_with(kPlugin) && spec.size() > kPlugin.size())
    return std::make_unique<PluginKernel>(spec.substr(kPlugin.size()), timeout);
  if (spec.starts_with(kExec) && spec.size() > kExec.size())
    return std::make_unique<ExecKernel>(spec.substr(kExec.size()), timeout, layer);
  throw InputError("kernel '{}': it is one of plugin:FILE, exec:COMMAND", spec);
}

}  // namespace w4::kernel
