// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/child/process.h"
#include "kernel/child/worker_protocol.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace w4::kernel::child {

/// A worker process with a plug-in in it. It is kept from run to run until a fault costs it its life; the next run then
/// starts another. Whatever it does, this program goes on.
class Child {
 public:
  /// How an answer was not given.
  struct Fault {
    Ended ended;
    bool timed_out = false;
  };

  /// Loads the plug-in. `wrapper`: words of a program that starts the worker and watches it (compute-sanitizer), or
  /// none. Throws InputError when it is no plug-in, CannotTest when this machine cannot run it.
  Child(std::filesystem::path plugin, std::chrono::milliseconds timeout, std::vector<std::string> wrapper = {});

  const worker::Greeting& greeting() const { return greeting_; }

  /// The memfd that the worker sees as its memory.
  int memory() const { return memory_.get(); }

  /// Asks, and waits for the answer until the time limit. Without one, `fault` says why, and the worker is gone.
  /// A worker that lost its CUDA context in the run is gone too, after its answer.
  std::optional<worker::Answer> ask(const worker::Request& request, Fault& fault);

  /// Lets the worker end by itself, and waits for it until the time limit. False: it had to be ended.
  bool finish();

 private:
  void start();
  void check_greeting() const;
  template <class Packet>
  bool receive(Packet& packet, Fault& fault);

  std::filesystem::path plugin_;
  std::chrono::milliseconds timeout_;
  std::vector<std::string> wrapper_;
  Descriptor memory_;
  Descriptor channel_;
  std::unique_ptr<Process> process_;
  worker::Greeting greeting_ = {};
};

/// What a fault is to the one who asked: signal, exit code or time-out.
void note(const Child::Fault& fault, RunResult& result);

}  // namespace w4::kernel::child
