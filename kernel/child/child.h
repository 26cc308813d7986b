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

/// A worker process that has loaded a plug-in. It serves run after run; when a fault ends it, the next run starts a new
/// one. This program survives whatever the worker does.
class Child {
 public:
  /// Why there is no answer.
  struct Fault {
    Ended ended;
    bool timed_out = false;
  };

  /// Loads the plug-in. `wrapper`: command line of a program that starts and watches the worker (compute-sanitizer), or
  /// empty. Throws InputError when the file is no plug-in or is not loaded in time, CannotTest when this machine cannot
  /// run it, UnreadableAnswer for a packet of another size, ToolFailed.
  Child(std::filesystem::path plugin, std::chrono::milliseconds timeout, std::vector<std::string> wrapper = {});

  const worker::Greeting& greeting() const { return greeting_; }

  /// The memfd that the worker maps.
  int memory() const { return memory_.get(); }

  /// Sends a request and waits for the answer until the time limit. Without an answer, `fault` says why, and the worker
  /// has ended. Throws UnreadableAnswer, ToolFailed. A worker whose run lost the CUDA context ends after its answer.
  std::optional<worker::Answer> ask(const worker::Request& request, Fault& fault);

  /// Lets the worker exit, and waits until the time limit. False: it had to be killed.
  bool finish();

 private:
  void start();
  void check_greeting() const;
  template <class Packet>
  bool receive(Packet& packet, Fault& fault, std::chrono::milliseconds limit);
  template <class Packet>
  void receive_loading(Packet& packet, std::chrono::milliseconds limit);

  std::filesystem::path plugin_;
  std::chrono::milliseconds timeout_;
  std::vector<std::string> wrapper_;
  Descriptor memory_;
  Descriptor channel_;
  std::unique_ptr<Process> process_;
  worker::Greeting greeting_ = {};
};

/// Records a fault in a result: signal, exit code or time-out.
void note(const Child::Fault& fault, RunResult& result);

}  // namespace w4::kernel::child
