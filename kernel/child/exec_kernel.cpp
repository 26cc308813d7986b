// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/exec_kernel.h"

#include "fixtures/error.h"
#include "fixtures/stopwatch.h"
#include "fixtures/text.h"
#include "kernel/child/declines.h"
#include "kernel/child/output_file.h"

#include <nlohmann/json.hpp>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

namespace w4::kernel::child {

/// The outcome of a case: an answer, or the end of the process, or neither in time.
struct ExecKernel::Outcome {
  std::optional<nlohmann::json> answer;
  std::optional<Ended> ended;
};

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestLine = 1 << 20;
constexpr std::size_t kShownBytes = 80;  // of a line that is no answer
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

[[noreturn]] void refuse_answer(const std::string& why) { throw UnreadableAnswer("command", why); }

/// Whether a line, or what is there of it, is no other output of the command.
bool is_meant_as_answer(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  return first != line.npos && line[first] == '{' &&
         (line.find("\"done\"") != line.npos || line.find("\"return_code\"") != line.npos);
}

/// The answer in a line, or nothing. Throws UnreadableAnswer.
std::optional<nlohmann::json> answer_in(const std::string& line) {
  if (!is_meant_as_answer(line)) {
    fmt::print(stderr, "{}\n", line);
    return {};
  }
  nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) refuse_answer("a line is no JSON in UTF-8: " + shortened(line, kShownBytes));
  if (!json.contains("done")) refuse_answer("a line has no \"done\": " + shortened(line, kShownBytes));
  return json;
}

bool is_int32(const nlohmann::json& value) {
  using Limits = std::numeric_limits<std::int32_t>;
  return value.is_number_integer() && value.get<double>() >= Limits::min() && value.get<double>() <= Limits::max();
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
    : command_(std::move(command)), timeout_(timeout) {}

/// Path of the layer, beside the folders of cases. It is written once for all cases with this layer.
std::string ExecKernel::folder_of(const std::shared_ptr<const fixtures::Layer>& layer) {
  if (layer != layer_) {
    if (layer_) fs::remove_all(folder_->path() / fmt::format("layer{}", layers_));
    if (layer) write_layer(*layer, folder_->path() / fmt::format("layer{}", ++layers_));
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
    if (heard_.size() > kLongestLine) {
      if (is_meant_as_answer(heard_)) refuse_answer(fmt::format("a line is longer than {} bytes", kLongestLine));
      heard_.clear();
    }
    if (std::chrono::steady_clock::now() >= deadline || !process_->wait_for(channel_.get(), deadline)) return {};
    char piece[4096];
    const ssize_t count = ::recv(channel_.get(), piece, sizeof piece, MSG_DONTWAIT);
    if (count > 0) heard_.append(piece, static_cast<std::size_t>(count));
    if (count <= 0 && (process_->ended() || !process_->wait_for(-1, deadline))) return {};
  }
}

ExecKernel::Outcome ExecKernel::outcome_of(const fs::path& folder) {
  const Deadline now = std::chrono::steady_clock::now(), deadline = now + timeout_;
  while (const std::optional<std::string> left = next_line(now))
    if (answer_in(*left)) refuse_answer("a second one to the case before");
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
  if (code != answer.end() && !is_int32(*code))
    refuse_answer("return_code is " + shortened(code->dump(), kShownBytes) + ", expected an integer of 32 bits");
  if (code != answer.end() && result.exception.empty()) result.return_code = code->get<std::int32_t>();
  result.message = text_at(answer, "message");
}

/// How the command ended comes first: of one that failed, only a C.npy that can be read is looked at.
void ExecKernel::take_output(const Task& task, const fs::path& folder, RunResult& result) const {
  const int M = task.A.rows(), N = task.packed.stored_N;
  try {
    result.C = read_output(folder / "C.npy", task.packed.dtype, M, N);
  } catch (const InputError& error) {
    if (result.ran()) refuse_answer(error.what());
    result.C = Grid<std::uint16_t>::made(
        M, N, [&](std::span<std::uint16_t> out) { std::ranges::fill(out, task.launch.fill); });
  }
}

/// A new folder of a case. All folders are made anew when the command has removed them.
fs::path ExecKernel::write_next(const Task& task) {
  if (!folder_ || !fs::exists(folder_->path())) {
    folder_.emplace();
    layer_.reset();
    if (!is_utf8(folder_->path().native()))
      throw InputError("{}: a command is told of its folder in JSON, which is UTF-8: set TMPDIR",
                       folder_->path().string());
  }
  fs::path folder = folder_->path() / fmt::format("case{}", cases_++);
  write_case(task, folder, folder_of(task.stored));
  return folder;
}

RunResult ExecKernel::result_in(const fs::path& folder, const Task& task) {
  const bool kept = process_ && !process_->ended();
  if (!kept) start(folder);
  Stopwatch watch;
  Outcome outcome = outcome_of(folder);
  if (kept && outcome.ended &&
      outcome.ended->exit_code == 0) {  // kept alive until now, but it runs once a case: start it again
    start(folder);
    watch = {};
    outcome = outcome_of(folder);
  }
  RunResult result;
  result.seconds = watch.seconds();
  if (outcome.answer) note_answer(*outcome.answer, result);
  if (outcome.ended) note_end(*outcome.ended, result);
  result.timed_out = !outcome.answer && !outcome.ended;
  if (result.timed_out) process_.reset();
  take_output(task, folder, result);
  answered_ = answered_ || result.ran();
  return result;
}

RunResult ExecKernel::run(const Task& task) {
  const fs::path folder = write_next(task);
  std::error_code ignored;
  try {
    RunResult result = result_in(folder, task);
    fs::remove_all(folder, ignored);
    check_declined(result, name());
    return result;
  } catch (const UnreadableAnswer&) {
    process_.reset();  // what it says next is no answer to the next case
    fs::remove_all(folder, ignored);
    throw;
  }
}

}  // namespace w4::kernel::child
