// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/process.h"

#include "fixtures/error.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace w4::kernel::child {
namespace {

using namespace std::chrono_literals;

constexpr int kOutOfTheWay = 100;  // above every target number, so that dup2() overwrites none that is still needed
constexpr int kCannotExecute = 127;
constexpr auto kLook = 20ms;  // how often to check for the end: a child of the process may hold the channel open

/// Runs between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(char* const* words, std::pair<int, int>* inherited, std::size_t count, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kCannotExecute);
  const rlimit no_core = {0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGXFSZ, SIG_DFL);
  for (std::size_t i = 0; i < count; ++i)
    inherited[i].first = ::fcntl(inherited[i].first, F_DUPFD_CLOEXEC, kOutOfTheWay);
  for (std::size_t i = 0; i < count; ++i)
    if (::dup2(inherited[i].first, inherited[i].second) < 0) ::_exit(kCannotExecute);
  ::execv(words[0], words);
  ::_exit(kCannotExecute);
}

Ended how_it_ended(int status) {
  if (WIFSIGNALED(status)) return {.exit_code = {}, .signal = signal_name(WTERMSIG(status))};
  return {.exit_code = WEXITSTATUS(status), .signal = ""};
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? std::string("SIG") + name : fmt::format("signal {}", number);
}

std::pair<Descriptor, Descriptor> channel(int socket_type) {
  int ends[2];
  if (::socketpair(AF_UNIX, socket_type | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error(kBadInput, fmt::format("no channel to another process: {}", ::strerror(errno)));
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

Process::Process(const std::vector<std::string>& words, const std::vector<std::pair<int, int>>& inherited) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  std::vector<std::pair<int, int>> moved = inherited;
  const pid_t self = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw Error(kBadInput, fmt::format("no process can be made: {}", ::strerror(errno)));
  if (pid_ == 0) become(pointers.data(), moved.data(), moved.size(), self);
  ::setpgid(pid_, pid_);  // parent and child both call it: no race
}

Process::~Process() { kill(); }

std::optional<Ended> Process::ended() {
  if (ended_) return ended_;
  siginfo_t info = {};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return {};
  ::kill(-pid_, SIGKILL);  // kills what it left running, before the group id can be reused
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = how_it_ended(status);
  return ended_;
}

bool Process::wait_for(int fd, Deadline deadline) {
  for (;;) {
    pollfd wanted = {.fd = fd, .events = POLLIN, .revents = 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto pause = std::clamp<std::chrono::milliseconds>(left, 0ms, kLook);
    if (::poll(&wanted, 1, static_cast<int>(pause.count())) > 0) {
      if ((wanted.revents & POLLIN) != 0) return true;
      std::this_thread::sleep_for(1ms);  // channel closed: the process is about to end, or hangs
    }
    if (ended()) return true;
    if (left <= 0ms) return false;
  }
}

void Process::kill() {
  if (ended()) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // it may not have its own group yet
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = how_it_ended(status);
}

}  // namespace w4::kernel::child
