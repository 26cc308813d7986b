// SPDX-License-Identifier: Apache-2.0
// w4_worker FILE: loads a plug-in and runs it for the program that started this. Whatever happens to it happens here.
#include "kernel/worker_protocol.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace {

using namespace w4::kernel::worker;

constexpr int kStartedByHand = 129;

template <class T>
bool send(const T& packet) {
  return ::send(kChannel, &packet, sizeof packet, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof packet);
}

void greet(Opened opened, const std::string& text, const W4Plugin& plugin = {}) {
  Greeting greeting{.opened = opened, .plugin = plugin, .text = {}};
  std::copy_n(text.data(), std::min(text.size(), kTextBytes - 1), greeting.text);
  send(greeting);
}

/// A missing library of a sound file is the machine's lack, anything else the file's fault.
Opened why_not_loaded(const std::string& reason, const char* file) {
  const bool missing = reason.find("cannot open shared object file") != std::string::npos;
  return missing && !reason.starts_with(file) ? Opened::cannot_test : Opened::bad_plugin;
}

const W4Plugin* load(const char* file) {
  void* library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const std::string reason = ::dlerror();
    greet(why_not_loaded(reason, file), "cannot be loaded: " + reason);
    return nullptr;
  }
  using Entry = const W4Plugin* (*)();
  if (const auto entry = reinterpret_cast<Entry>(::dlsym(library, "w4_plugin")); entry != nullptr) {
    const W4Plugin* plugin = entry();
    if (plugin == nullptr) greet(Opened::bad_plugin, "w4_plugin() returned NULL");
    return plugin;
  }
  if (::dlsym(library, kMarlinSymbol) != nullptr)
    greet(Opened::cannot_test, "exports marlin_cuda, which launches on a GPU: this build has no CUDA runs yet");
  else
    greet(Opened::bad_plugin, "exports neither w4_plugin nor marlin_cuda");
  return nullptr;
}

bool is_sound(const W4Plugin& plugin) {
  if (plugin.version != W4_PLUGIN_VERSION) {
    greet(Opened::bad_plugin, fmt::format("is built for version {} of kernel/plugin.h, this program has version {}",
                                          plugin.version, W4_PLUGIN_VERSION));
    return false;
  }
  if (plugin.run == nullptr) greet(Opened::bad_plugin, "has no run function");
  return plugin.run != nullptr;
}

/// The call with its pointers into the mapped memory.
W4Call placed(const Request& request, std::byte* memory) {
  W4Call call = request.call;
  const auto point = [&](auto*& pointer, std::uint64_t place) {
    pointer = place == 0 ? nullptr : reinterpret_cast<std::remove_reference_t<decltype(pointer)>>(memory + place);
  };
  point(call.A, request.places.A);
  point(call.words, request.places.words);
  point(call.scales, request.places.scales);
  point(call.zeros, request.places.zeros);
  point(call.perm, request.places.perm);
  point(call.bias, request.places.bias);
  point(call.C, request.places.C);
  call.workspace = request.places.workspace == 0 ? nullptr : memory + request.places.workspace;
  return call;
}

Answer answer_to(const Request& request, const W4Plugin& plugin) {
  if (request.ask == Ask::workspace)
    return {plugin.workspace_bytes == nullptr ? 0 : plugin.workspace_bytes(&request.call)};
  void* memory = ::mmap(nullptr, request.memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kMemory, 0);
  if (memory == MAP_FAILED) {
    fmt::print(stderr, "w4_worker: {} bytes cannot be mapped: {}\n", request.memory_bytes, ::strerror(errno));
    ::_exit(kStartedByHand);
  }
  const W4Call call = placed(request, static_cast<std::byte*>(memory));
  const Answer answer{plugin.run(&call)};
  ::munmap(memory, request.memory_bytes);
  return answer;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "w4_worker: it is started by bisect\n");
    return kStartedByHand;
  }
  const W4Plugin* plugin = load(argv[1]);
  if (plugin == nullptr || !is_sound(*plugin)) return 0;
  greet(Opened::ready, plugin->name == nullptr ? "" : plugin->name, *plugin);
  for (Request request; ::recv(kChannel, &request, sizeof request, 0) == static_cast<ssize_t>(sizeof request);) {
    const Answer answer = answer_to(request, *plugin);
    std::fflush(nullptr);  // what the plug-in printed must not be lost in a later crash
    if (!send(answer)) break;
  }
  ::_exit(0);  // without the plug-in's destructors: nobody waits for them
}
