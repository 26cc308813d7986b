// SPDX-License-Identifier: Apache-2.0
#include "cases/commands/signals.h"

#include "fixtures/files/temporaries.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace w4::cases {
namespace {

std::atomic<bool> noted = false;

void end(int number) {
  fixtures::files::remove_temporaries();
  std::signal(number, SIG_DFL);
  ::raise(number);  // it is blocked until this function returns
}

void handle(int number, void (*handler)(int)) {
  struct sigaction before = {}, action = {};
  if (::sigaction(number, nullptr, &before) != 0 || before.sa_handler == SIG_IGN) return;
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(number, &action, nullptr);
}

void say(const char* text) { [[maybe_unused]] const ssize_t said = ::write(STDERR_FILENO, text, std::strlen(text)); }

void note(int /*number*/) {
  noted = true;
  for (const int other : {SIGINT, SIGTERM}) handle(other, end);
  say(program_invocation_short_name);
  say(": interrupted: it ends after this step and keeps what it has; a second signal ends it at once\n");
}

}  // namespace

void clean_up_at_signals() {
  for (const int number : {SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGXCPU}) handle(number, end);
}

bool interrupted() {
  static const bool noting = [] {
    for (const int number : {SIGINT, SIGTERM}) handle(number, note);
    return true;
  }();
  return noting && noted;
}

}  // namespace w4::cases
