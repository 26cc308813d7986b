// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/run.h"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
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

/// A program under a guard (guard.h): it and all of its descendants end when this object goes, and when this program
/// ends, however that may be. It leaves no core file.
class Process {
 public:
  /// `inherited`: our descriptors and their numbers in the child; all others are closed there. Throws ToolFailed when
  /// the program cannot be started: "cannot start PROGRAM: Too many open files".
  Process(const std::vector<std::string>& words, const std::vector<std::pair<int, int>>& inherited);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// How it ended, or nothing while it or a descendant runs. Does not wait.
  std::optional<Ended> ended();

  /// Waits until `fd` is readable or the process has ended. False: neither before the deadline.
  bool wait_for(int fd, Deadline deadline);

  /// Kills it, if it still runs, with all of its descendants.
  void kill();

  /// Of the guard, which is the first of its ancestors.
  pid_t id() const { return pid_; }

 private:
  pid_t pid_ = -1;
  Descriptor end_;  // readable once the guard has ended; none on Linux before 5.3
  std::optional<Ended> ended_;
};

/// "SIGSEGV"; "signal 40" for one without a name.
std::string signal_name(int number);

/// A socket pair, and a pipe (read end, write end), close-on-exec. Throw ToolFailed.
std::pair<Descriptor, Descriptor> channel(int socket_type);
std::pair<Descriptor, Descriptor> pipe_ends();

/// A program of w4bisect, in the folder of this one. Throws InputError when it is not there.
std::filesystem::path program_beside(const char* name);

}  // namespace w4::kernel::child
