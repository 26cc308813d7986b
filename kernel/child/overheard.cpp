// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/overheard.h"

#include "kernel/child/errors.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <system_error>

namespace w4::kernel::child {
namespace {

constexpr int kLookMilliseconds = 20;  // a process that it left running may hold the pipe open
constexpr std::size_t kLongestWords = 400;

}  // namespace

Overheard::Overheard() {
  std::tie(ours_, theirs_) = pipe_ends();
  ::fcntl(ours_.get(), F_SETFL, O_NONBLOCK);
}

Overheard::~Overheard() { (void)last_words(); }

void Overheard::listen() try {
  theirs_ = Descriptor();
  listener_ = std::thread([this] {
    pollfd wanted = {.fd = ours_.get(), .events = POLLIN, .revents = 0};
    while (!ended_ && (wanted.revents & POLLHUP) == 0)
      if (::poll(&wanted, 1, kLookMilliseconds) > 0) pass_on();
    pass_on();
  });
} catch (const std::system_error& error) {
  throw ToolFailed("no thread can be started: {}", error.code().message());
}

/// Everything that is there.
void Overheard::pass_on() {
  char piece[4096];
  for (ssize_t count; (count = ::read(ours_.get(), piece, sizeof piece)) > 0;) {
    for (ssize_t done = 0, wrote; done < count; done += wrote)
      if ((wrote = ::write(STDERR_FILENO, piece + done, static_cast<std::size_t>(count - done))) <= 0) break;
    for (ssize_t i = 0; i < count; ++i) {
      if (piece[i] == '\n')
        hear(std::exchange(partial_, {}));
      else if (partial_.size() < kLongestWords)
        partial_ += piece[i];
    }
  }
}

/// Behind a traceback's indented lines stands the exception; what its message continues with is left out.
void Overheard::hear(const std::string& line) {
  if (line.find_first_not_of(" \t\r") == line.npos) return;
  if (line.starts_with("Traceback (most recent call last)")) {
    in_traceback_ = true;
  } else if (in_traceback_ && line[0] != ' ') {
    words_ = {.line = line, .exception = true};
    in_traceback_ = false;
  } else if (!in_traceback_ && !words_.exception) {
    words_.line = line;
  }
}

Overheard::Words Overheard::last_words() {
  if (listener_.joinable()) {
    ended_ = true;
    listener_.join();
    hear(std::exchange(partial_, {}));
  }
  return words_;
}

}  // namespace w4::kernel::child
