// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/process.h"
#include "kernel/worker_protocol.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace w4::kernel {

/// A worker process with a plug-in in it. It is kept from run to run until a fault costs it its life; the next run then
/// starts another. Whatever it does, this program goes on.
class Child {
 public:
  /// How an answer was not given.
  struct Fault {
    Ended ended;
    bool timed_out = false;
  };

  /// Loads the plug-in. Throws InputError when it is none, CannotTest when this machine cannot run it.
  Child(std::filesystem::path plugin, std::chrono::milliseconds timeout);

  const worker::Greeting& greeting() const { return greeting_; }

  /// The memfd that the worker sees as its memory.
  int memory() const { return memory_.get(); }

  /// Asks, and waits for the answer until the time limit. Without one, `fault` says why, and the worker is gone.
  std::optional<std::int64_t> ask(const worker::Request& request, Fault& fault);

 private:
  void start();
  void check_greeting() const;
  template <class Packet>
  bool receive(Packet& packet, Fault& fault);

  std::filesystem::path plugin_;
  std::chrono::milliseconds timeout_;
  Descriptor memory_;
  Descriptor channel_;
  std::unique_ptr<Process> process_;
  worker::Greeting greeting_ = {};
};

/// What a fault is to the one who asked: signal, exit code or time-out.
void note(const Child::Fault& fault, RunResult& result);

}  // namespace w4::kernel
