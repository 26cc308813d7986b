// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/process.h"

#include <atomic>
#include <string>
#include <thread>

namespace w4::kernel::child {

/// The stderr of a process: it is passed on to ours as it comes, and the process's last words are kept.
class Overheard {
 public:
  Overheard();  // throws ToolFailed
  ~Overheard();
  Overheard(const Overheard&) = delete;
  Overheard& operator=(const Overheard&) = delete;

  /// What the process gets as its stderr.
  int ending() const { return theirs_.get(); }
  /// To be called once the process is started. Throws ToolFailed.
  void listen();

  /// Of a process that has ended: the exception of its last Python traceback, otherwise its last line; none: "".
  struct Words {
    std::string line;
    bool exception = false;
  };
  Words last_words();

 private:
  void pass_on();
  void hear(const std::string& line);

  Descriptor ours_, theirs_;
  std::string partial_;  // the start of a line
  Words words_;
  bool in_traceback_ = false;
  std::atomic<bool> ended_ = false;
  std::thread listener_;  // last: it uses all others
};

}  // namespace w4::kernel::child
