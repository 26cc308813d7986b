// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/process.h"

#include "kernel/child/errors.h"
#include "kernel/child/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace w4::kernel::child {
namespace {

using namespace std::chrono_literals;
using Inherited = std::vector<std::pair<int, int>>;

constexpr int kNotStarted = 127;
constexpr auto kLook = 20ms;  // how often to check for the end, where the kernel has no descriptor for it

[[noreturn]] void report_failure(int report) {
  const int why = errno == EINVAL ? EMFILE : errno;  // of F_DUPFD: the number is beyond the limit
  (void)!::write(report, &why, sizeof why);
  ::_exit(kNotStarted);
}

/// Runs between fork and exec: async-signal-safe calls only. The last of `inherited` takes a failure's errno.
[[noreturn]] void become(char* const* words, Inherited& inherited, pid_t parent) {
  ::setpgid(0, 0);
  sigset_t held;  // the guard waits for them
  ::sigemptyset(&held);
  ::sigaddset(&held, SIGTERM);
  ::sigaddset(&held, SIGCHLD);
  ::sigprocmask(SIG_SETMASK, &held, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(kNotStarted);
  const rlimit no_core = {0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGXFSZ, SIG_DFL);
  const int free = inherited.back().second + 1;  // above every target: dup2() overwrites none that is still needed
  for (auto& [from, to] : inherited) {
    const int moved = ::fcntl(from, F_DUPFD_CLOEXEC, free);
    if (moved < 0) report_failure(inherited.back().first);
    from = moved;
  }
  for (const auto& [from, to] : inherited)
    if (::dup2(from, to) < 0) report_failure(inherited.back().first);
  ::execv(words[0], words);
  report_failure(inherited.back().first);
}

/// Why a program was not started: the errno that it writes; 0: it was started.
int failure_from(int report) {
  int why = 0;
  while (::read(report, &why, sizeof why) < 0 && errno == EINTR) {
  }
  return why;
}

Ended how_it_ended(int status) {
  if (WIFSIGNALED(status)) return {.exit_code = {}, .signal = signal_name(WTERMSIG(status))};
  return {.exit_code = WEXITSTATUS(status), .signal = ""};
}

std::pair<Descriptor, Descriptor> checked(int failed, const int (&ends)[2], const char* what) {
  if (failed != 0) throw ToolFailed("no {} can be made: {}", what, ::strerror(errno));
  return {Descriptor(ends[0]), Descriptor(ends[1])};
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
  return checked(::socketpair(AF_UNIX, socket_type | SOCK_CLOEXEC, 0, ends), ends, "channel to another process");
}

std::pair<Descriptor, Descriptor> pipe_ends() {
  int ends[2];
  return checked(::pipe2(ends, O_CLOEXEC), ends, "pipe");
}

std::filesystem::path program_beside(const char* name) {
  std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe").replace_filename(name);
  if (::access(program.c_str(), X_OK) != 0)
    throw InputError("{}: not there or not executable; kernels are run by it, it is built with bisect",
                     program.string());
  return program;
}

Process::Process(const std::vector<std::string>& words, const Inherited& inherited) {
  auto [failure, report] = pipe_ends();
  int place = 0;  // of the report, behind all that the program gets
  for (const auto& [from, to] : inherited) place = std::max(place, to + 1);
  Inherited all = inherited;
  all.emplace_back(report.get(), place);
  std::vector<std::string> guarded = {program_beside(kGuard).string(), std::to_string(place)};
  guarded.insert(guarded.end(), words.begin(), words.end());
  std::vector<char*> pointers;
  std::ranges::transform(guarded, std::back_inserter(pointers), [](std::string& word) { return word.data(); });
  pointers.push_back(nullptr);
  const pid_t self = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw ToolFailed("cannot start {}: {}", words[0], ::strerror(errno));
  if (pid_ == 0) become(pointers.data(), all, self);
  report = Descriptor();
  if (const int why = failure_from(failure.get()); why != 0) {
    kill();
    throw ToolFailed("cannot start {}: {}", words[0], ::strerror(why));
  }
  end_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

Process::~Process() { kill(); }

std::optional<Ended> Process::ended() {
  int status = 0;
  if (!ended_ && ::waitpid(pid_, &status, WNOHANG) > 0) ended_ = how_it_ended(status);
  return ended_;
}

bool Process::wait_for(int fd, Deadline deadline) {
  for (;;) {
    pollfd wanted[] = {{.fd = fd, .events = POLLIN, .revents = 0}, {.fd = end_.get(), .events = POLLIN, .revents = 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto pause = std::clamp<std::chrono::milliseconds>(left, 0ms, kLook);
    ::poll(wanted, std::size(wanted), static_cast<int>(pause.count()));
    if ((wanted[0].revents & POLLIN) != 0) return true;
    if (wanted[0].revents != 0) fd = -1;  // closed: the process is about to end, or hangs
    if (ended()) return true;
    if (left <= 0ms) return false;
  }
}

void Process::kill() {
  if (ended()) return;
  ::kill(pid_, SIGTERM);
  ::kill(pid_, SIGCONT);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = how_it_ended(status);
}

}  // namespace w4::kernel::child
