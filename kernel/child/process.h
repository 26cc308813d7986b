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

/// A process in a new process group, started by fork and exec. It is killed when this program ends, and with its
/// group when this object goes. It leaves no core file.
class Process {
 public:
  /// `inherited`: our descriptors and their numbers in the child; all others are closed there. Throws Error when fork
  /// fails; a program that cannot be executed exits with 127.
  Process(const std::vector<std::string>& words, const std::vector<std::pair<int, int>>& inherited);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// How it ended, or nothing while it runs. Does not wait.
  std::optional<Ended> ended();

  /// Waits until `fd` is readable or the process has ended. False: neither before the deadline.
  bool wait_for(int fd, Deadline deadline);

  /// Kills it if it still runs.
  void kill();

  pid_t id() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::optional<Ended> ended_;
};

/// "SIGSEGV"; "signal 40" for one without a name.
std::string signal_name(int number);

/// A socket pair, close-on-exec. Throws Error.
std::pair<Descriptor, Descriptor> channel(int socket_type);

}  // namespace w4::kernel::child
