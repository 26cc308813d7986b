// SPDX-License-Identifier: Apache-2.0
// See guard.h. A process of its own, so that SIGKILL of the program that started it leaves nothing running either.
#include "kernel/child/guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>

namespace {

constexpr int kStartedByHand = 129;
constexpr int kNotStarted = 127;
constexpr useconds_t kPause = 1000;  // between looks at children that the list leaves out while others end

[[noreturn]] void report_failure(int report) {
  const int why = errno;
  (void)!::write(report, &why, sizeof why);
  ::_exit(kNotStarted);
}

[[noreturn]] void become(char** words, int report, pid_t guard) {
  ::setpgid(0, 0);  // signals to its own group must not reach the guard
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != guard) ::_exit(kNotStarted);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execv(words[0], words);
  report_failure(report);
}

/// Waits for the program and reaps orphans. Its status; nothing when the guard was told to end it.
std::optional<int> status_of(pid_t program, const sigset_t& awaited) {
  for (;;) {
    int status = 0;
    for (pid_t ended; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;)
      if (ended == program) return status;
    if (::sigwaitinfo(&awaited, nullptr) == SIGTERM) return {};
  }
}

/// The children of a subreaper that has ended its children are their children: in the end none is left.
void end_descendants() {
  for (pid_t ended = 0; ended >= 0;) {
    std::ifstream children("/proc/thread-self/children");
    for (pid_t child; children >> child;) ::kill(child, SIGKILL);
    while ((ended = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (ended == 0) ::usleep(kPause);
  }
}

[[noreturn]] void end_as(const std::optional<int>& status) {
  if (status && WIFEXITED(*status)) ::_exit(WEXITSTATUS(*status));
  const int number = status ? WTERMSIG(*status) : SIGKILL;
  ::signal(number, SIG_DFL);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, number);
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  ::raise(number);
  ::_exit(kNotStarted);  // not reached: no other signal ends a process
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("w4_guard: it is started by other programs of w4bisect\n", stderr);
    return kStartedByHand;
  }
  const int report = std::atoi(argv[1]);
  ::fcntl(report, F_SETFD, FD_CLOEXEC);
  sigset_t awaited;
  ::sigemptyset(&awaited);
  ::sigaddset(&awaited, SIGTERM);
  ::sigaddset(&awaited, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &awaited, nullptr);
  ::signal(SIGCHLD, SIG_DFL);  // where it is ignored, nobody could wait for a child
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t guard = ::getpid(), program = ::fork();
  if (program < 0) report_failure(report);
  if (program == 0) become(argv + 2, report, guard);
  ::close_range(0, ~0U, 0);  // the program's channels close when it ends
  const std::optional<int> status = status_of(program, awaited);
  end_descendants();
  end_as(status);
}
