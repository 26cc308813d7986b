// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/worker_plugin.h"

#include "kernel/child/worker_protocol.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace w4::kernel::worker {

namespace {

struct Stream;  // CUstream_st
using MarlinCuda = int (*)(const void* A, const void* B, void* C, void* s, int m, int n, int k, void* workspace,
                           int groupsize, int dev, Stream* stream, int thread_k, int thread_n, int sms, int max_par);
MarlinCuda marlin_cuda = nullptr;

constexpr int kMostParallel = 16;  // the published default of max_par: 64-row problems in one launch
constexpr int kOwnChoice = -1;     // the kernel chooses block_tile and multiprocessors

int given(int value) { return value == 0 ? kOwnChoice : value; }

std::int64_t marlin_workspace_bytes(const W4Call* call) {
  constexpr int kNarrowestColumn = 128;
  return static_cast<std::int64_t>(sizeof(int)) * (call->N / kNarrowestColumn) * kMostParallel;
}

/// The published symbol has no arguments for padding.
int run_marlin(const W4Call* call) {
  if (call->K != call->padded_K || call->N != call->padded_N) return W4_CANNOT_TAKE;
  return marlin_cuda(call->A, call->words, call->C, const_cast<std::uint16_t*>(call->scales), call->M, call->N, call->K,
                     call->workspace, call->groups == 1 ? -1 : call->group_size, 0, static_cast<Stream*>(call->stream),
                     given(call->thread_k), given(call->thread_n), given(call->thread_blocks), kMostParallel);
}

/// The published symbol as a plug-in. Its return code says which groups it accepts.
constexpr W4Plugin kMarlinSymbolPlugin = {.version = W4_PLUGIN_VERSION,
                                          .name = "marlin_cuda",
                                          .pointers = W4_DEVICE,
                                          .formats = W4_MARLIN,
                                          .types = W4_FP16,
                                          .groups = W4_GROUP_32 | W4_GROUP_64 | W4_GROUP_128 | W4_ONE_GROUP,
                                          .extras = 0,
                                          .workspace_bytes = marlin_workspace_bytes,
                                          .scratch_bytes = nullptr,
                                          .run = run_marlin};

Loaded checked(const W4Plugin* plugin) {
  if (plugin == nullptr) return {.reason = "w4_plugin() returned NULL"};
  if (plugin->version != W4_PLUGIN_VERSION)
    return {.reason = fmt::format("is built for version {} of kernel/plugin.h, this program has version {}",
                                  plugin->version, W4_PLUGIN_VERSION)};
  if (plugin->run == nullptr) return {.reason = "has no run function"};
  return {.plugin = plugin, .reason = ""};
}

}  // namespace

Loaded load_plugin(const char* file) {
  void* const library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const std::string reason = ::dlerror();
    const bool missing = reason.find("cannot open shared object file") != std::string::npos;
    return {.reason = "cannot be loaded: " + reason, .lacks_library = missing && !reason.starts_with(file)};
  }
  using Entry = const W4Plugin* (*)();
  if (const auto entry = reinterpret_cast<Entry>(::dlsym(library, "w4_plugin")); entry != nullptr)
    return checked(entry());
  marlin_cuda = reinterpret_cast<MarlinCuda>(::dlsym(library, kMarlinSymbol));
  if (marlin_cuda != nullptr) return {.plugin = &kMarlinSymbolPlugin, .reason = ""};
  return {.reason = "exports neither w4_plugin nor marlin_cuda"};
}

}  // namespace w4::kernel::worker
