// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/pool.h"

#include "cases/matrix/worker.h"
#include "fixtures/error.h"
#include "fixtures/files/json_dump.h"
#include "kernel/child/case_folder.h"
#include "kernel/child/process.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <thread>

namespace w4::cases::matrix {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kLook = 50ms;       // between looks at time limits and memory
constexpr int kGraceSeconds = 10;  // beyond the kernel's own limits: time for its worker to answer

std::string in_gib(long long bytes) { return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1LL << 30)); }

bool is_given_files(const CaseId& id) { return id.kernel.starts_with("exec:"); }

/// Where there is a GPU, a plug-in may use it: that is known only once it is opened.
bool wants_gpu(const CaseId& id) {
  static const bool there_is_one = std::filesystem::exists("/dev/nvidiactl");
  return there_is_one && !id.kernel.empty() && !is_given_files(id);
}

/// Where every case wants a GPU, one worker a GPU; the cores are shared among them.
std::size_t workers_for(const std::vector<CaseId>& cases, const Budget& budget) {
  const auto jobs = static_cast<std::size_t>(budget.jobs);
  return std::ranges::all_of(cases, wants_gpu) ? std::clamp<std::size_t>(budget.gpus.size(), 1, jobs) : jobs;
}

/// The first numbers of a file of /proc; none when the process is gone.
std::vector<long long> numbers_in(const std::string& path) {
  std::ifstream file(path);
  std::vector<long long> numbers;
  for (long long number; file >> number;) numbers.push_back(number);
  return numbers;
}

/// One worker and the case that it has.
class Worker {
 public:
  Worker(std::vector<std::string> words, std::string gpu, bool has_gpu)
      : words_(std::move(words)), gpu_(std::move(gpu)), has_gpu_(has_gpu) {}

  bool idle() const { return !case_; }
  bool has_gpu() const { return has_gpu_; }
  int channel() const { return channel_.get(); }
  const CaseId& at_work() const { return *case_; }
  long long bytes() const { return idle() ? 0 : bytes_needed(*case_); }
  long long resident() const { return idle() || !process_ ? 0 : resident_bytes(process_->id()); }

  void give(const CaseId& id, bool search, Clock::duration limit, Clock::duration search_limit) {
    if (process_ && process_->ended()) process_.reset();  // died between two cases: not the next one's fault
    if (!process_) start();
    case_ = id;
    first_.reset();
    begin_ = Clock::now();
    deadline_ = begin_ + limit;
    limit_ = limit;
    search_limit_ = search_limit;
    write_line(channel_.get(), {{"case", id.text()}, {"bisect", search}});  // a worker that is gone is noticed below
  }

  /// Reads what is there, without waiting; the record when the case is done.
  std::optional<Record> look() {
    pollfd wanted = {.fd = channel_.get(), .events = POLLIN, .revents = 0};
    while (::poll(&wanted, 1, 0) > 0) {
      if (!read_more(channel_.get(), buffer_)) return ended();
      for (std::string line; take_line(buffer_, line);)
        if (auto record = understood(line)) return record;
    }
    if (Clock::now() > deadline_) return out_of_time();
    return {};
  }

  Record end(Outcome outcome, const std::string& reason) {
    process_.reset();
    channel_ = kernel::child::Descriptor();
    buffer_.clear();
    Record record{.case_text = case_->text(), .outcome = outcome, .reason = reason};
    if (first_) {
      record = *first_;
      record.reason += "; bisect: " + reason;
    } else {
      record.seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
      record.rerun = command_line(options_of(*case_));
    }
    case_.reset();
    return record;
  }

 private:
  void start() {
    buffer_.clear();
    auto [ours, theirs] = kernel::child::channel(SOCK_STREAM);
    std::vector<std::string> words = words_;
    words.push_back(gpu_);
    process_ = std::make_unique<kernel::child::Process>(
        words, std::vector<std::pair<int, int>>{{theirs.get(), kWorkerChannel}, {STDERR_FILENO, STDERR_FILENO}});
    channel_ = std::move(ours);
  }

  std::optional<Record> understood(const std::string& line) {
    const auto answer = nlohmann::ordered_json::parse(line);
    if (answer.contains("bad_input")) {
      case_.reset();
      throw InputError("{}", answer["bad_input"].get<std::string>());
    }
    Record record = record_of(answer.at("record"), "a worker's answer");
    if (answer.at("done").get<bool>()) {
      case_.reset();
      return record;
    }
    first_ = std::move(record);
    deadline_ = Clock::now() + search_limit_;
    return {};
  }

  Record ended() {
    std::optional<kernel::child::Ended> how;
    for (const auto until = Clock::now() + 1s; !(how = process_->ended()) && Clock::now() < until;)
      std::this_thread::sleep_for(1ms);
    if (how && !how->signal.empty())
      return end(Outcome::crashed, fmt::format("its process was ended by {}", how->signal));
    throw CannotTest("{}: the process that runs cases {}", case_->text(),
                     how ? fmt::format("ended with exit code {}", *how->exit_code) : "closed its channel");
  }

  Record out_of_time() {
    const auto seconds = [](Clock::duration time) {
      return std::chrono::duration_cast<std::chrono::seconds>(time).count();
    };
    return end(Outcome::timed_out, fmt::format("not done after {} s", seconds(first_ ? search_limit_ : limit_)));
  }

  std::vector<std::string> words_;
  std::string gpu_;
  bool has_gpu_;
  std::unique_ptr<kernel::child::Process> process_;
  kernel::child::Descriptor channel_;
  std::string buffer_;
  std::optional<CaseId> case_;
  std::optional<Record> first_;  // of the check, while bisect is at work
  Clock::time_point begin_, deadline_;
  Clock::duration limit_{}, search_limit_{};
};

/// All workers, and the waiting cases.
class Floor {
 public:
  Floor(std::vector<Worker> workers, const RunPlan& plan, const Budget& budget, const std::function<void(Record)>& done)
      : workers_(std::move(workers)), plan_(plan), budget_(budget), done_(done) {}

  void run(const std::vector<CaseId>& cases) {
    waiting_.assign(cases.begin(), cases.end());
    while (!waiting_.empty() || any_at_work()) {
      hand_out();
      wait();
      for (Worker& worker : workers_)
        if (!worker.idle())
          if (auto record = worker.look()) done_(std::move(*record));
      watch_memory();
    }
  }

 private:
  bool any_at_work() const {
    return std::ranges::any_of(workers_, [](const Worker& worker) { return !worker.idle(); });
  }

  long long promised() const {
    long long bytes = 0;
    for (const Worker& worker : workers_) bytes += worker.bytes();
    return bytes;
  }

  /// Each idle worker gets the first case that it can take and memory allows.
  void hand_out() {
    for (Worker& worker : workers_) {
      for (auto next = waiting_.begin(); worker.idle() && next != waiting_.end();) {
        const long long bytes = bytes_needed(*next);
        if (bytes > budget_.memory_bytes) {
          done_(Record{
              .case_text = next->text(),
              .outcome = Outcome::skipped,
              .reason = fmt::format("needs about {}, --memory allows {}", in_gib(bytes), in_gib(budget_.memory_bytes)),
              .rerun = command_line(options_of(*next))});
          next = waiting_.erase(next);
        } else if ((wants_gpu(*next) && !worker.has_gpu()) || promised() + bytes > budget_.memory_bytes) {
          ++next;
        } else {
          give(worker, *next);
          next = waiting_.erase(next);
        }
      }
    }
  }

  void give(Worker& worker, const CaseId& id) {
    constexpr int kMoreLaunches = 2;  // with A late, and on the workspace that the first one left
    const int launches = id.kernel.empty() ? 1 : Effort{}.repeat + kMoreLaunches;
    const auto limit = std::chrono::seconds(static_cast<long long>(plan_.timeout_seconds) * launches * plan_.times +
                                            (id.kernel.empty() ? 0 : kGraceSeconds));
    worker.give(id, plan_.search, limit, std::chrono::seconds(budget_.search_seconds));
  }

  void wait() {
    std::vector<pollfd> wanted;
    for (const Worker& worker : workers_)
      if (!worker.idle()) wanted.push_back({.fd = worker.channel(), .events = POLLIN, .revents = 0});
    ::poll(wanted.data(), wanted.size(), static_cast<int>(std::chrono::milliseconds(kLook).count()));
  }

  /// Beyond the budget the largest worker is ended: a case's needs are an estimate, and the user's kernel may take
  /// more.
  void watch_memory() {
    if (Clock::now() - looked_ < kLook) return;
    looked_ = Clock::now();
    long long all = 0, most = 0;
    Worker* largest = nullptr;
    for (Worker& worker : workers_) {
      const long long bytes = worker.resident();
      all += bytes;
      if (bytes > most) std::tie(most, largest) = std::pair(bytes, &worker);
    }
    if (all <= budget_.memory_bytes || largest == nullptr) return;
    done_(largest->end(Outcome::crashed,
                       fmt::format("was ended: it held {}, and all together more than the {} of --memory", in_gib(most),
                                   in_gib(budget_.memory_bytes))));
  }

  std::vector<Worker> workers_;
  const RunPlan& plan_;
  const Budget& budget_;
  const std::function<void(Record)>& done_;
  std::deque<CaseId> waiting_;
  Clock::time_point looked_ = Clock::now();
};

}  // namespace

long long resident_bytes(int process) {
  const std::string folder = fmt::format("/proc/{}", process);
  const std::vector<long long> pages = numbers_in(folder + "/statm");
  if (pages.size() < 2) return 0;
  long long bytes = pages[1] * ::sysconf(_SC_PAGESIZE);
  for (const long long child : numbers_in(fmt::format("{}/task/{}/children", folder, process)))
    bytes += resident_bytes(static_cast<int>(child));
  return bytes;
}

void run_cases(const std::string& program, const RunPlan& plan, const Budget& budget, const std::vector<CaseId>& cases,
               const std::function<void(Record)>& done) {
  const std::size_t jobs = workers_for(cases, budget);
  nlohmann::json words = json_of(plan);
  words["threads"] = std::max<std::size_t>(1, std::thread::hardware_concurrency() / jobs);
  std::optional<kernel::child::TemporaryFolder> scratch;  // this process's: workers are ended by force
  if (std::ranges::any_of(cases, is_given_files)) words["scratch"] = scratch.emplace().path().string();
  std::vector<Worker> workers;
  for (std::size_t i = 0; i < jobs; ++i) {
    const bool has_gpu = i < budget.gpus.size();
    workers.emplace_back(std::vector<std::string>{program, kWorkerWord, fixtures::files::dumped(words)},
                         has_gpu ? budget.gpus[i] : "", has_gpu);
  }
  Floor(std::move(workers), plan, budget, done).run(cases);
}

}  // namespace w4::cases::matrix
