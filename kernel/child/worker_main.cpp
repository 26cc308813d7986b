// SPDX-License-Identifier: Apache-2.0
// w4_worker FILE: loads a plug-in and runs it for the program that started this one, which survives its crashes.
#include "fixtures/stopwatch.h"
#include "kernel/child/launch_watch.h"
#include "kernel/child/worker_device.h"
#include "kernel/child/worker_plugin.h"
#include "kernel/child/worker_protocol.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace {

using namespace w4::kernel;
using namespace w4::kernel::worker;

constexpr int kStartedByHand = 129;

template <class T>
bool send(const T& packet) {
  return ::send(kChannel, &packet, sizeof packet, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof packet);
}

void refuse(Opened opened, const std::string& why) {
  Greeting greeting = {};
  greeting.opened = opened;
  put(greeting.text, why.c_str());
  send(greeting);
}

void greet(const W4Plugin& plugin) {
  Greeting greeting = {};
  greeting.plugin = plugin;
  put(greeting.text, plugin.name == nullptr ? "" : plugin.name);
  if (plugin.pointers == W4_DEVICE) {
    put(greeting.device, device_name().c_str());
    put(greeting.driver, driver_version().c_str());
    greeting.multiprocessors = multiprocessors();
    put(greeting.unwatched, LaunchWatch::why_not().c_str());
  }
  send(greeting);
}

void answer_run(const Request& request, const W4Plugin& plugin, Answer& answer) {
  void* memory = ::mmap(nullptr, request.memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kMemory, 0);
  if (memory == MAP_FAILED) {
    put(answer.cannot_test,
        fmt::format("{} bytes cannot be mapped: {}", request.memory_bytes, ::strerror(errno)).c_str());
    return;
  }
  auto* const first = static_cast<std::byte*>(memory);
  if (plugin.pointers == W4_DEVICE) {
    run_on_device(request, first, plugin, answer);
  } else {
    const W4Call call = placed_call(request, [&](const Place& place) { return first + place.at; });
    const w4::Stopwatch watch;
    answer.value = plugin.run(&call);
    answer.seconds = watch.seconds();
  }
  ::munmap(memory, request.memory_bytes);
}

Answer answer_to(const Request& request, const W4Plugin& plugin) {
  Answer answer = {};
  const auto bytes = [&](std::int64_t (*asked)(const W4Call*)) { return asked == nullptr ? 0 : asked(&request.call); };
  switch (request.ask) {
    case Ask::workspace: answer.value = bytes(plugin.workspace_bytes); break;
    case Ask::scratch: answer.value = bytes(plugin.scratch_bytes); break;
    case Ask::run: answer_run(request, plugin, answer); break;
  }
  return answer;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "w4_worker: it is started by bisect\n");
    return kStartedByHand;
  }
  const Loaded loaded = load_plugin(argv[1]);
  send(LoadingDone{1});
  if (loaded.plugin == nullptr) {
    refuse(loaded.lacks_library ? Opened::cannot_test : Opened::bad_plugin, loaded.reason);
    return 0;
  }
  const W4Plugin& plugin = *loaded.plugin;
  if (plugin.pointers == W4_DEVICE) {
    if (const std::string why = why_no_device(); !why.empty()) {
      refuse(Opened::cannot_test, "takes device pointers, and " + why);
      return 0;
    }
  }
  greet(plugin);
  for (Request request; ::recv(kChannel, &request, sizeof request, 0) == static_cast<ssize_t>(sizeof request);) {
    const Answer answer = answer_to(request, plugin);
    std::fflush(nullptr);  // a later crash must not lose what the plug-in printed
    if (!send(answer)) break;
  }
  ::_exit(0);  // skips the plug-in's destructors, which could crash or hang
}
