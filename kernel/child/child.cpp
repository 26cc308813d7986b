// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/child.h"

#include "fixtures/error.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace w4::kernel::child {
namespace {

constexpr std::chrono::seconds kLeastToLoad{60};  // loading libraries may take longer than the limit of a run

/// The worker: a file beside this program.
std::filesystem::path worker_program() {
  const std::filesystem::path program =
      std::filesystem::read_symlink("/proc/self/exe").replace_filename(worker::kProgram);
  if (::access(program.c_str(), X_OK) != 0)
    throw InputError("{}: not there or not executable; plug-ins are run by it, it is built with bisect",
                     program.string());
  return program;
}

std::string text_of(const Child::Fault& fault) {
  if (fault.timed_out) return "hangs";
  if (!fault.ended.signal.empty()) return "is ended by " + fault.ended.signal;
  return fmt::format("ends the process with exit code {}", fault.ended.exit_code.value_or(0));
}

}  // namespace

Child::Child(std::filesystem::path plugin, std::chrono::milliseconds timeout, std::vector<std::string> wrapper)
    : plugin_(std::move(plugin)),
      timeout_(timeout),
      wrapper_(std::move(wrapper)),
      memory_(::memfd_create("w4_run", MFD_CLOEXEC)) {
  if (memory_.get() < 0) throw CannotTest("no shared memory can be made here");
  start();
}

void Child::start() {
  auto [ours, theirs] = channel(SOCK_SEQPACKET);
  const Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  // stdout belongs to the report: what a plug-in prints goes to stderr
  std::vector<std::string> words = wrapper_;
  words.insert(words.end(), {worker_program().string(), plugin_.string()});
  process_ = std::make_unique<Process>(words, std::vector<std::pair<int, int>>{{nothing.get(), STDIN_FILENO},
                                                                               {STDERR_FILENO, STDOUT_FILENO},
                                                                               {theirs.get(), worker::kChannel},
                                                                               {memory_.get(), worker::kMemory}});
  channel_ = std::move(ours);
  theirs = Descriptor();
  Fault fault;
  const auto limit = timeout_;
  timeout_ = std::max<std::chrono::milliseconds>(timeout_, kLeastToLoad);
  const bool greeted = receive(greeting_, fault);
  timeout_ = limit;
  if (!greeted) throw InputError("{}: loading it {}", plugin_.string(), text_of(fault));
  greeting_.text[worker::kTextBytes - 1] = '\0';
  check_greeting();
}

void Child::check_greeting() const {
  if (greeting_.opened == worker::Opened::bad_plugin) throw InputError("{}: {}", plugin_.string(), greeting_.text);
  if (greeting_.opened == worker::Opened::cannot_test)
    throw CannotTest("{}: {}", plugin_.filename().string(), greeting_.text);
}

template <class Packet>
bool Child::receive(Packet& packet, Fault& fault) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout_;
  fault.timed_out = !process_->wait_for(channel_.get(), deadline);
  if (!fault.timed_out &&
      ::recv(channel_.get(), &packet, sizeof packet, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof packet))
    return true;
  // the channel is closed but the process lives: it has the rest of its time to end
  if (!fault.timed_out) fault.timed_out = !process_->wait_for(-1, deadline);
  process_->kill();
  fault.ended = fault.timed_out ? Ended{} : *process_->ended();
  process_.reset();
  return false;
}

std::optional<worker::Answer> Child::ask(const worker::Request& request, Fault& fault) {
  if (!process_ || process_->ended()) start();
  ::send(channel_.get(), &request, sizeof request, MSG_NOSIGNAL);  // a worker that has ended is noticed below
  worker::Answer answer = {};
  if (!receive(answer, fault)) return {};
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
