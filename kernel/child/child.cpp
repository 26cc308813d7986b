// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/child.h"

#include "kernel/child/errors.h"
#include "kernel/child/shared_buffers.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace w4::kernel::child {
namespace {

constexpr std::chrono::seconds kLeastForDevice{60};  // a GPU may take longer to wake up than the limit of a run

std::string text_of(const Child::Fault& fault) {
  if (!fault.ended.signal.empty()) return "is ended by " + fault.ended.signal;
  return fmt::format("ends the process with exit code {}", fault.ended.exit_code.value_or(0));
}

}  // namespace

Child::Child(std::filesystem::path plugin, std::chrono::milliseconds timeout, std::vector<std::string> wrapper)
    : plugin_(std::move(plugin)), timeout_(timeout), wrapper_(std::move(wrapper)), memory_(shared_memory()) {
  start();
}

void Child::start() {
  auto [ours, theirs] = channel(SOCK_SEQPACKET);
  const Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (nothing.get() < 0) throw ToolFailed("/dev/null: {}", ::strerror(errno));
  // stdout belongs to the report: what a plug-in prints goes to stderr
  std::vector<std::string> words = wrapper_;
  words.insert(words.end(), {program_beside(worker::kProgram).string(), plugin_.string()});
  process_ = std::make_unique<Process>(words, std::vector<std::pair<int, int>>{{nothing.get(), STDIN_FILENO},
                                                                               {STDERR_FILENO, STDOUT_FILENO},
                                                                               {theirs.get(), worker::kChannel},
                                                                               {memory_.get(), worker::kMemory}});
  channel_ = std::move(ours);
  theirs = Descriptor();
  worker::LoadingDone done;
  receive_loading(done, timeout_);
  receive_loading(greeting_, std::max<std::chrono::milliseconds>(timeout_, kLeastForDevice));
  greeting_.text[worker::kTextBytes - 1] = '\0';
  check_greeting();
}

void Child::check_greeting() const {
  if (greeting_.opened == worker::Opened::bad_plugin) throw InputError("{}: {}", plugin_.string(), greeting_.text);
  if (greeting_.opened == worker::Opened::cannot_test)
    throw CannotTest("{}: {}", plugin_.filename().string(), greeting_.text);
}

template <class Packet>
void Child::receive_loading(Packet& packet, std::chrono::milliseconds limit) {
  Fault fault;
  if (receive(packet, fault, limit)) return;
  throw InputError("{}: loading it {}", plugin_.string(),
                   fault.timed_out ? fmt::format("hangs: not done after {} s", limit.count() / 1000) : text_of(fault));
}

template <class Packet>
bool Child::receive(Packet& packet, Fault& fault, std::chrono::milliseconds limit) {
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  fault.timed_out = !process_->wait_for(channel_.get(), deadline);
  const ssize_t bytes = fault.timed_out ? 0 : ::recv(channel_.get(), &packet, sizeof packet, MSG_DONTWAIT | MSG_TRUNC);
  if (bytes == static_cast<ssize_t>(sizeof packet)) return true;
  if (bytes > 0) {
    process_.reset();
    throw UnreadableAnswer("plug-in", fmt::format("a packet of {} bytes, expected {}", bytes, sizeof packet));
  }
  // the channel is closed but the process lives: it has the rest of its time to end
  if (!fault.timed_out) fault.timed_out = !process_->wait_for(-1, deadline);
  process_->kill();
  fault.ended = fault.timed_out ? Ended{} : *process_->ended();
  process_.reset();
  return false;
}

std::optional<worker::Answer> Child::ask(const worker::Request& request, Fault& fault) {
  if (!process_ || process_->ended()) start();
  // a worker that has ended, or takes no request, is noticed below
  ::send(channel_.get(), &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT);
  worker::Answer answer = {};
  if (!receive(answer, fault, timeout_)) return {};
  if (answer.synchronise_error[0] != '\0' && wrapper_.empty()) process_.reset();
  return answer;
}

bool Child::finish() {
  if (!process_) return false;
  channel_ = Descriptor();
  const bool ended = process_->wait_for(-1, std::chrono::steady_clock::now() + timeout_);
  process_.reset();
  return ended;
}

void note(const Child::Fault& fault, RunResult& result) {
  result.timed_out = fault.timed_out;
  result.signal = fault.ended.signal;
  result.exit_code = fault.ended.exit_code;
}

}  // namespace w4::kernel::child
