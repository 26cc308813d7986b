// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/exec_kernel.h"

#include "fixtures/error.h"
#include "kernel/child/output_file.h"

#include <nlohmann/json.hpp>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace w4::kernel::child {

/// The outcome of a case: an answer, or the end of the process, or neither in time.
struct ExecKernel::Outcome {
  std::optional<nlohmann::json> answer;
  std::optional<Ended> ended;
};

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestLine = 1 << 20;
constexpr int kShellCannot[] = {126, 127};
constexpr int kShellSignal = 128;  // a shell that saw a command end by signal n exits with 128 + n
constexpr int kFaults[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGSEGV};

/// The shell's script. A plain command replaces the shell, so that its signals are reported as they are and it ends
/// with this program.
std::string shell_text(const std::string& command) {
  const std::string first = command.substr(0, command.find(' '));
  const bool plain = first != "exec" && first.find('=') == std::string::npos &&
                     command.find_first_of(";&|<>()`$\n") == std::string::npos;
  return (plain ? "exec " : "") + command + " \"$@\"";
}

/// The answer in a line, or nothing.
std::optional<nlohmann::json> answer_in(const std::string& line) {
  nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (json.is_object() && json.contains("done")) return json;
  fmt::print(stderr, "{}\n", line);
  return {};
}

void note_end(const Ended& ended, const std::string& command, RunResult& result) {
  result.signal = ended.signal;
  const int code = ended.exit_code.value_or(0);
  if (std::ranges::find(kShellCannot, code) != std::end(kShellCannot))
    throw InputError("--kernel exec:{}: the shell cannot run it (exit code {})", command, code);
  if (std::ranges::find(kFaults, code - kShellSignal) != std::end(kFaults))
    result.signal = signal_name(code - kShellSignal);
  else if (code != 0)
    result.exit_code = code;
}

void note_answer(const nlohmann::json& answer, RunResult& result) {
  const auto code = answer.find("return_code");
  if (code != answer.end() && code->is_number_integer()) result.return_code = code->get<int>();
  const auto message = answer.find("message");
  if (message != answer.end() && message->is_string()) result.message = message->get<std::string>();
}

}  // namespace

ExecKernel::ExecKernel(std::string command, std::chrono::milliseconds timeout)
    : command_(std::move(command)), timeout_(timeout) {}

/// Path of the layer, beside the folders of cases. It is written once for all cases with this layer.
std::string ExecKernel::folder_of(const std::shared_ptr<const fixtures::Layer>& layer) {
  if (layer != layer_) {
    if (layer_) fs::remove_all(folder_.path() / fmt::format("layer{}", layers_));
    if (layer) write_layer(*layer, folder_.path() / fmt::format("layer{}", ++layers_));
    layer_ = layer;
  }
  return layer ? fmt::format("../layer{}", layers_) : "";
}

void ExecKernel::start(const fs::path& folder) {
  auto [ours, theirs] = channel(SOCK_STREAM);
  process_ = std::make_unique<Process>(
      std::vector<std::string>{"/bin/sh", "-c", shell_text(command_), "sh", folder.string()},
      std::vector<std::pair<int, int>>{{theirs.get(), STDIN_FILENO}, {theirs.get(), STDOUT_FILENO}});
  channel_ = std::move(ours);
  heard_.clear();
}

/// The next whole line; nothing at the end of output or at the deadline.
std::optional<std::string> ExecKernel::next_line(Deadline deadline) {
  for (;;) {
    if (const std::size_t end = heard_.find('\n'); end != std::string::npos) {
      std::string line = heard_.substr(0, end);
      heard_.erase(0, end + 1);
      return line;
    }
    if (heard_.size() > kLongestLine) heard_.clear();
    if (std::chrono::steady_clock::now() >= deadline || !process_->wait_for(channel_.get(), deadline)) return {};
    char piece[4096];
    const ssize_t count = ::recv(channel_.get(), piece, sizeof piece, MSG_DONTWAIT);
    if (count > 0) heard_.append(piece, static_cast<std::size_t>(count));
    if (count <= 0 && (process_->ended() || !process_->wait_for(-1, deadline))) return {};
  }
}

ExecKernel::Outcome ExecKernel::outcome_of(const fs::path& folder) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout_;
  const std::string line = nlohmann::json{{"w4", 1}, {"folder", folder.string()}}.dump() + "\n";
  ::send(channel_.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);  // a command that runs once reads none
  while (const std::optional<std::string> said = next_line(deadline)) {
    if (auto answer = answer_in(*said)) return {.answer = std::move(answer), .ended = {}};
    if (std::chrono::steady_clock::now() >= deadline) break;  // lines without an answer must not extend the deadline
  }
  return {.answer = {}, .ended = process_->ended()};
}

void ExecKernel::take_output(const Task& task, const fs::path& folder, RunResult& result) const {
  const int M = task.A.rows(), N = task.packed.stored_N;
  try {
    result.C = output_of(read_npy_at_once(folder / "C.npy"), task.packed.dtype, M, N, "C.npy");
  } catch (const InputError& error) {
    if (result.ran()) result.message = error.what();
    result.C = Grid<std::uint16_t>::made(
        M, N, [&](std::span<std::uint16_t> out) { std::ranges::fill(out, task.launch.fill); });
  }
}

RunResult ExecKernel::run(const Task& task) {
  const fs::path folder = folder_.path() / fmt::format("case{}", cases_++);
  write_case(task, folder, folder_of(task.stored));
  const bool kept = process_ && !process_->ended();
  if (!kept) start(folder);
  Outcome outcome = outcome_of(folder);
  if (kept && outcome.ended &&
      outcome.ended->exit_code == 0) {  // kept alive until now, but it runs once a case: start it again
    start(folder);
    outcome = outcome_of(folder);
  }
  RunResult result;
  if (outcome.answer) note_answer(*outcome.answer, result);
  if (outcome.ended) note_end(*outcome.ended, command_, result);
  result.timed_out = !outcome.answer && !outcome.ended;
  if (result.timed_out) process_.reset();
  take_output(task, folder, result);
  fs::remove_all(folder);
  return result;
}

}  // namespace w4::kernel::child
