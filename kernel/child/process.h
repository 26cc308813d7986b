// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace w4::kernel::child {

using Deadline = std::chrono::steady_clock::time_point;

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }

 private:
  int fd_;
};

/// How a process ended.
struct Ended {
  std::optional<int> exit_code;
  std::string signal;  // "SIGSEGV", or empty
};

/// A process of its own group, started by fork and exec. It dies with this object, with this program, and with all
/// that it has started in its group. It leaves no core file.
class Process {
 public:
  /// `inherited`: our descriptor and its number there; everything else of ours is closed there. Throws Error when no
  /// process can be made; a program that cannot be executed exits with 127.
  Process(const std::vector<std::string>& words, const std::vector<std::pair<int, int>>& inherited);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// How it ended, or nothing while it lives. Does not wait.
  std::optional<Ended> ended();

  /// Waits for something to read on `fd`, or for the end of the process. False: neither came before the deadline.
  bool wait_for(int fd, Deadline deadline);

  /// Ends it now, if it still lives.
  void kill();

  pid_t id() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::optional<Ended> ended_;
};

/// "SIGSEGV"; "signal 40" for one without a name.
std::string signal_name(int number);

/// Two ends of a channel, close-on-exec. Throws Error.
std::pair<Descriptor, Descriptor> channel(int socket_type);

}  // namespace w4::kernel::child
