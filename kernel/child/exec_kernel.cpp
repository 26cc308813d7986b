// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/exec_kernel.h"

#include "fixtures/error.h"
#include "fixtures/text.h"
#include "kernel/child/declines.h"
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

std::string text_at(const nlohmann::json& answer, const char* name) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : "";
}

bool lacks_a_module(const std::string& exception) {
  return exception.starts_with("ModuleNotFoundError") || exception.starts_with("ImportError");
}

/// Whether a command that ended with this code, and these words, never came to its case: the shell or an interpreter
/// did not find it, or a module of it.
bool never_started(int code, const Overheard::Words& words) {
  constexpr int kUsage = 2;  // of sh, python3 and perl for a script that is not there
  if (std::ranges::find(kShellCannot, code) != std::end(kShellCannot)) return true;
  if (words.exception) return lacks_a_module(words.line);
  return code == kUsage && words.line.find("No such file") != std::string::npos;
}

}  // namespace

ExecKernel::ExecKernel(std::string command, std::chrono::milliseconds timeout)
    : command_(std::move(command)), timeout_(timeout) {
  if (!is_utf8(folder_.path().native()))
    throw InputError("{}: a command is told of its folder in JSON, which is UTF-8: set TMPDIR",
                     folder_.path().string());
}

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
  process_.reset();  // its last words come first
  errors_ = std::make_unique<Overheard>();
  process_ = std::make_unique<Process>(
      std::vector<std::string>{"/bin/sh", "-c", shell_text(command_), "sh", folder.string()},
      std::vector<std::pair<int, int>>{
          {theirs.get(), STDIN_FILENO}, {theirs.get(), STDOUT_FILENO}, {errors_->ending(), STDERR_FILENO}});
  errors_->listen();
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

void ExecKernel::note_end(const Ended& ended, RunResult& result) {
  constexpr int kUncaught = 1;  // python3's code after a traceback
  result.signal = ended.signal;
  const int code = ended.exit_code.value_or(0);
  const Overheard::Words words = errors_->last_words();
  if (code == 0) return;
  if (!answered_ && never_started(code, words))
    throw CannotStart("--kernel exec:{}: cannot start (exit code {}){}", command_, code,
                      words.line.empty() ? "" : ": " + words.line);
  if (std::ranges::find(kFaults, code - kShellSignal) != std::end(kFaults)) {
    result.signal = signal_name(code - kShellSignal);
  } else if (code == kUncaught && words.exception) {
    result.exception = words.line;
  } else {
    result.exit_code = code;
    result.message = words.line;
  }
}

void ExecKernel::note_answer(const nlohmann::json& answer, RunResult& result) const {
  const auto code = answer.find("return_code");
  result.exception = text_at(answer, "exception");
  if (!answered_ && lacks_a_module(result.exception))
    throw CannotStart("--kernel exec:{}: cannot start: {}", command_, result.exception);
  if (code != answer.end() && code->is_number_integer() && result.exception.empty())
    result.return_code = code->get<int>();
  result.message = text_at(answer, "message");
}

void ExecKernel::take_output(const Task& task, const fs::path& folder, RunResult& result) const {
  const int M = task.A.rows(), N = task.packed.stored_N;
  try {
    result.C = output_of(read_npy_at_once(folder / "C.npy"), task.packed.dtype, M, N, "C.npy");
  } catch (const InputError& error) {
    if (result.ran()) result.bad_output = error.what();
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
  if (outcome.ended) note_end(*outcome.ended, result);
  result.timed_out = !outcome.answer && !outcome.ended;
  if (result.timed_out) process_.reset();
  take_output(task, folder, result);
  answered_ = answered_ || result.ran();
  fs::remove_all(folder);
  check_declined(result, name());
  return result;
}

}  // namespace w4::kernel::child
