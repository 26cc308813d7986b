// SPDX-License-Identifier: Apache-2.0
// Somebody's kernel on packed tensors that are known to be right: a plug-in or a command.
#include "kernel/foreign.h"

#include "cases/bisect.h"
#include "cases/hypotheses.h"
#include "cases/repack_search.h"
#include "fixtures/error.h"
#include "kernel/lane_model.h"

#include <algorithm>

namespace w4::cases {
namespace {

using kernel::RunResult;
using kernel::Task;

bool is_of_repack(const Hypothesis& hypothesis) { return stage_index(hypothesis[0]->stage) < kRepackStages; }

/// One bisection of a kernel, from its launches to what explains them.
class ForeignBisection {
 public:
  ForeignBisection(const Prepared& prepared, const Options& options, const Progress& progress)
      : prepared_(prepared),
        options_(options),
        step_(progress),
        report_(new_report(prepared, options)),
        walk_(walk_repack(Subject({}), prepared.layer, {}, progress)),
        task_(task_of(prepared, repack::packed_of(walk_.last), options)),
        kernel_(kernel::open_kernel(options.foreign, std::chrono::seconds(options.timeout_seconds), &prepared.layer)) {
    report_.kernel = options.foreign;
    report_.launch = kernel_->name() == options.foreign.substr(options.foreign.find(':') + 1)
                         ? fmt::format("up to {} launches", options.repeat)
                         : fmt::format("{}, up to {} launches", kernel_->name(), options.repeat);
  }

  Report run() {
    launch();
    step_("oracle");
    expected_ = expected_output(prepared_.layer, prepared_.A, rounding_of(prepared_, task_));
    describe_output(seen(), expected_, report_);
    look_at_end();
    look_at_writes();
    look_at_workspace();
    look_at_repeats();
    judge();
    describe();
    return std::move(report_);
  }

 private:
  const RunResult& seen() const { return launches_[0]; }

  /// As many launches as asked for; one that did not return is not repeated.
  void launch() {
    for (int i = 0; i < options_.repeat && (i == 0 || launches_.back().ran()); ++i) {
      step_(fmt::format("launch {}", i + 1));
      task_.launch.number = static_cast<std::uint64_t>(i);
      launches_.push_back(kernel_->run(task_));
    }
    task_.launch.number = 0;
  }

  void look_at_end() {
    for (const RunResult& result : launches_) {
      if (result.ran()) continue;
      if (result.timed_out) add(fmt::format("hangs: not done after {} s, ended by force", options_.timeout_seconds));
      if (!result.signal.empty()) add("ended by " + result.signal);
      if (result.exit_code) add(fmt::format("ended its process with exit code {}", *result.exit_code));
      if (result.return_code != 0) add(fmt::format("return code {}", result.return_code));
      if (!result.launch_error.empty()) add("launch error " + result.launch_error);
      if (!result.synchronise_error.empty()) add("synchronise error " + result.synchronise_error);
    }
    for (const RunResult& result : launches_)
      if (!result.message.empty()) add("it says: " + result.message);
  }

  void look_at_writes() {
    const Comparison& output = *report_.comparison;
    if (output.unwritten > 0)
      add(fmt::format("{} of {} outputs keep the fill: never written, not zero", output.unwritten, output.count));
    if (output.nan > 0) add(fmt::format("{} of {} outputs are NaN that it wrote", output.nan, output.count));
    for (const RunResult& result : launches_)
      for (const std::string& trespass : result.trespasses) add(trespass);
  }

  std::ptrdiff_t dirty_locks() const {
    const std::vector<std::int32_t>& locks = seen().workspace;
    return std::count_if(locks.begin(), locks.end(), [](std::int32_t lock) { return lock != 0; });
  }

  void look_at_workspace() {
    const std::vector<std::int32_t>& locks = seen().workspace;
    const auto dirty = dirty_locks();
    if (dirty == 0) return;
    add(fmt::format("{} of {} words of the workspace are left non-zero", dirty, locks.size()));
    if (!seen().ran()) return;
    step_("launch on the workspace it left");
    Task again = task_;
    again.launch.workspace = locks;
    const RunResult second = kernel_->run(again);
    add(second.ran() ? second_output(second) : "a second launch on the workspace it left does not return 0");
  }

  std::string second_output(const RunResult& second) const {
    const Comparison output = compare(second.C, expected_, task_.launch.fill);
    return output.right() ? "a second launch on the workspace it left is right all the same"
                          : fmt::format("a second launch on the workspace it left has {} of {} outputs wrong",
                                        output.wrong, output.count);
  }

  /// Launches that differ within the bound add in another order; beyond it, they race.
  void look_at_repeats() {
    std::size_t most = 0;
    bool right = true;
    for (const RunResult& result : launches_) {
      std::size_t differing = 0;
      for (std::size_t i = 0; i < result.C.size(); ++i) differing += result.C[i] != seen().C[i];
      most = std::max(most, differing);
      right = right && compare(result.C, expected_, task_.launch.fill).right();
    }
    if (most == 0) return;
    const std::string line = fmt::format("{} launches of the same task differ in up to {} of {} outputs",
                                         launches_.size(), most, seen().C.size());
    if (right)
      report_.notes.push_back(line + ", each within the bound: sums are taken in another order");
    else
      add(line);
  }

  void judge() {
    const bool right = report_.comparison->right();
    if (right && evidence_.empty() && walk_.broken.empty()) {
      report_.verdict = Verdict::match;
      return;
    }
    if (const std::string failure = known_good_failure(); !failure.empty()) {
      report_.verdict = Verdict::cannot_test;
      report_.reason = "the known-good path itself fails here: " + failure;
      return;
    }
    report_.verdict = Verdict::mismatch;
    report_.reason = right || !seen().ran() ? evidence_.at(0) : report_.comparison->failed_gate;
    std::vector<Hypothesis> fits;
    if (!right && !ended_badly()) fits = explanations();
    accuse(fits, evidence_, options_, report_);
    if (fits.empty()) report_.culprits[0].stage = where_unexplained();
  }

  /// The stage that is at fault by what was seen, whatever explains it; empty: the output alone does not tell.
  std::string where_unexplained() const {
    if (!seen().ran()) return "launch";
    return dirty_locks() > 0 ? "reduce" : "";
  }

  bool ended_badly() const { return seen().timed_out || !seen().signal.empty() || seen().exit_code.has_value(); }

  std::string known_good_failure() const {
    if (!walk_.broken.empty()) return "our own repack is not right in stage " + stage_of(walk_.broken[0]);
    try {
      return compare(kernel::run_lane_model(task_).C, expected_, task_.launch.fill).failed_gate;
    } catch (const CannotTest&) {  // theirs may take what the lane model does not: the oracle still judges
      return "";
    }
  }

  std::vector<Hypothesis> explanations() {
    try {
      const Explained explained = explain_output(prepared_, task_, seen(), expected_, Unwritten::keeps_fill, step_);
      add(explained.summary);
      if (std::any_of(explained.fits.begin(), explained.fits.end(), is_of_repack))
        add("what it was given is right in every bit: it reads it as if it were made the way that is named");
      return explained.fits;
    } catch (const CannotTest& error) {
      add(fmt::format("no known wrong way could be tried: {}", error.what()));
      return {};
    }
  }

  static std::string stage_of(const BrokenStage& broken) { return stage_ids()[static_cast<std::size_t>(broken.stage)]; }

  void describe() {
    const bool match = report_.verdict == Verdict::match;
    const int seen_through = match ? static_cast<int>(stage_ids().size()) : kRepackStages;
    describe_stages(report_, seen_through, "the output is right", report_.stages);
    if (match)
      report_.stages[kRepackStages].evidence =
          fmt::format("return code 0 from {} launches; guards whole, {} words of workspace zero", launches_.size(),
                      seen().workspace.size());
    for (std::size_t i = 0; i < walk_.checks.size(); ++i)
      if (report_.stages[i].verdict == StageVerdict::ok)
        report_.stages[i].evidence = walk_.checks[i].what + " equal in every bit, in what it was given";
  }

  void add(const std::string& line) {
    if (std::find(evidence_.begin(), evidence_.end(), line) == evidence_.end()) evidence_.push_back(line);
  }

  const Prepared& prepared_;
  const Options& options_;
  const Progress& step_;
  Report report_;
  RepackWalk walk_;
  Task task_;
  std::unique_ptr<kernel::ForeignKernel> kernel_;
  std::vector<RunResult> launches_;
  Expected expected_;
  std::vector<std::string> evidence_;
};

}  // namespace

Report bisect_foreign(const Prepared& prepared, const Options& options, const Progress& progress) {
  return ForeignBisection(prepared, options, progress).run();
}

}  // namespace w4::cases
