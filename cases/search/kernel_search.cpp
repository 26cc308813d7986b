// SPDX-License-Identifier: Apache-2.0
#include "cases/search/kernel_search.h"

#include "cases/faults/faults.h"
#include "fixtures/error.h"

#include <algorithm>
#include <iterator>

namespace w4::cases::search {
namespace {

using kernel::RunResult;
using kernel::Task;
using repack::Recipe;

void launch_up_to(int repeat, const OwnPath& subject, Task task, const Recipe& put_right,
                  std::vector<RunResult>& launches) {
  while (std::ssize(launches) < repeat) {
    task.launch.number = launches.size();
    launches.push_back(subject.run(task, put_right));
  }
}

std::vector<RunResult> launches_of(const OwnPath& subject, const Task& task, int repeat, const Recipe& put_right) {
  std::vector<RunResult> launches;
  launch_up_to(repeat, subject, task, put_right, launches);
  return launches;
}

/// The kernel's faults, races or all others, of stages that `except` does not name.
std::vector<const faults::Fault*> kernel_faults(const Recipe& except, bool races) {
  std::vector<const faults::Fault*> found;
  for (const faults::Fault& fault : faults::faults())
    if (!is_repacking(faults::parse_stage(fault.stage)) && !except.contains(fault.stage) &&
        fault.repeats_differ == races)
      found.push_back(&fault);
  return found;
}

using Ways = std::vector<const faults::Fault*>;  // of different stages, acting together

/// One search: the culprits found so far, and the stages that were put right for them.
class KernelSearch {
 public:
  KernelSearch(const OwnPath& subject, const Task& task, int repeat, const RunResult& good)
      : subject_(subject), task_(task), repeat_(repeat), good_(good) {}

  /// What an unexplained culprit tells of the kernel: the first differences from the known-good one that are seen.
  void note_differences(const RunResult& seen) {
    if (differences_.empty()) differences_ = judge::differences(seen, good_);
  }

  /// Names the race, or two that act at once. True: something was put right, look again.
  bool find_race(const std::vector<RunResult>& seen) {
    if (judge::all_equal(seen)) return false;
    Ways races = kernel_faults(right_, true);
    std::erase_if(races, [&](const faults::Fault* fault) { return !differs_alone(*fault); });
    Ways cures;
    std::ranges::copy_if(races, std::back_inserter(cures),
                         [&](const faults::Fault* fault) { return calm_with_right({fault}); });
    const std::string what = judge::difference_text(seen);
    const std::string rows = calm_below_64_rows();
    const auto evidence = [&](const std::string& put_right) -> std::vector<std::string> {
      return {what, fmt::format("with {} put right, {} launches are equal in every bit", put_right, repeat_),
              "this fault alone makes launches of the known-good kernel differ" + rows};
    };
    if (!cures.empty()) {
      accuse(cures, evidence(cures[0]->stage + " alone"));
      return true;
    }
    if (races.size() < 2 || !calm_with_right(races)) return unexplained(what);
    std::vector<std::string> stages;
    for (const faults::Fault* fault : races) stages.push_back(fault->stage);
    for (const faults::Fault* fault : races)
      accuse({fault}, evidence(fmt::format("{} (one alone does not do)", fmt::join(stages, " and "))));
    return true;
  }

  /// Leaves one stage after another as the path does it, and puts all others right: that stage alone causes what
  /// differs then, however many faults there are. True: at least one was named.
  bool find_isolated() {
    bool found = false;
    for (const StageId stage : kKernelStages) {
      const std::string id = name_of(stage);
      if (right_.contains(id)) continue;
      const RunResult seen = subject_.run(task_, all_right_but(id));
      if (judge::same_result(seen, good_)) continue;
      const std::vector<Ways> hits = reproductions(seen, of_stage(id));
      if (hits.empty()) continue;
      Ways alternatives;
      for (const Ways& ways : hits) alternatives.push_back(ways[0]);
      accuse(alternatives, evidence_for(seen, hits.size()));
      found = true;
    }
    return found;
  }

  /// Names ways that only together make what was seen: two of different stages. True: look again.
  bool find_together(const RunResult& seen) {
    const std::vector<Ways> hits = reproductions(seen, pairs());
    if (hits.empty())
      return unexplained(fmt::format(
          "no known fault reproduces the result, alone or in pairs ({} tried; a race cannot be reproduced)", tried_));
    const std::vector<std::string> evidence = evidence_for(seen, hits.size());
    for (std::size_t position = 0; position < hits[0].size(); ++position) {
      Ways alternatives;
      for (const Ways& ways : hits)
        if (std::find(alternatives.begin(), alternatives.end(), ways[position]) == alternatives.end())
          alternatives.push_back(ways[position]);
      accuse(alternatives, evidence);
    }
    return true;
  }

  const Recipe& put_right() const { return right_; }
  std::vector<report::Culprit> take() { return std::move(culprits_); }

 private:
  Recipe with_right(const Ways& ways) const {
    Recipe recipe = right_;
    for (const faults::Fault* fault : ways) recipe[fault->stage] = "reference";
    return recipe;
  }

  bool calm_with_right(const Ways& ways) const {
    return judge::all_equal(launches_of(subject_, task_, repeat_, with_right(ways)));
  }

  bool differs_alone(const faults::Fault& fault) const {
    return !judge::all_equal(launches_of(OwnPath(Recipe{{fault.stage, fault.variant}}), task_, repeat_, {}));
  }

  static Recipe all_right_but(const std::string& stage) {
    Recipe recipe;
    for (const StageId other : kKernelStages)
      if (name_of(other) != stage) recipe[name_of(other)] = "reference";
    return recipe;
  }

  std::vector<Ways> of_stage(const std::string& stage) const {
    std::vector<Ways> all;
    for (const faults::Fault* fault : kernel_faults(right_, false))
      if (fault->stage == stage) all.push_back({fault});
    return all;
  }

  std::vector<Ways> pairs() const {
    std::vector<Ways> all;
    const auto faults = kernel_faults(right_, false);
    for (const faults::Fault* a : faults)
      for (const faults::Fault* b : faults)
        if (faults::parse_stage(a->stage) < faults::parse_stage(b->stage)) all.push_back({a, b});
    return all;
  }

  /// The hypotheses that give the same result on the same packed tensors.
  std::vector<Ways> reproductions(const RunResult& seen, const std::vector<Ways>& hypotheses) {
    std::vector<Ways> hits;
    for (const Ways& ways : hypotheses) {
      Recipe recipe;
      for (const faults::Fault* fault : ways) recipe[fault->stage] = fault->variant;
      ++tried_;
      if (judge::same_result(kernel::lane_model::run_lane_model(task_, recipe), seen)) hits.push_back(ways);
    }
    return hits;
  }

  std::vector<std::string> evidence_for(const RunResult& seen, std::size_t hits) const {
    std::vector<std::string> lines = judge::differences(seen, good_);
    lines.push_back(fmt::format(
        "the result is reproduced bit for bit by {} of {} known faults on the same packed tensors", hits, tried_));
    const bool dirty = std::any_of(seen.workspace.begin(), seen.workspace.end(), [](int lock) { return lock != 0; });
    if (dirty && seen.ran()) lines.push_back(second_launch(seen.workspace));
    return lines;
  }

  std::string second_launch(const std::vector<std::int32_t>& workspace) const {
    Task again = task_;
    again.launch.workspace = workspace;
    again.launch.number = 1;
    const RunResult result = subject_.run(again, right_);
    if (result.timed_out) return "a second launch on the workspace of the first hangs on the locks";
    const std::size_t wrong = judge::differing(result.C, good_.C);
    return fmt::format("a second launch on the workspace of the first has {} of {} outputs wrong", wrong,
                       result.C.size());
  }

  /// The catalogue's condition of the race: it needs M of 64 or more.
  std::string calm_below_64_rows() const {
    constexpr int kCalmRows = 16;
    if (task_.A.rows() <= kCalmRows) return "";
    Task small = task_;
    small.A = Grid<std::uint16_t>::made(kCalmRows, task_.A.cols(), [&](std::span<std::uint16_t> out) {
      std::copy_n(task_.A.cells().begin(), out.size(), out.begin());
    });
    const bool calm = judge::all_equal(launches_of(subject_, small, repeat_, right_));
    return calm ? fmt::format("; at M={} the launches of this path are equal", kCalmRows) : "";
  }

  void accuse(const Ways& ways, std::vector<std::string> evidence) {
    report::Culprit culprit{.stage = ways[0]->stage,
                            .fault = ways[0]->name,
                            .variant = ways[0]->variant,
                            .evidence = std::move(evidence),
                            .cure = ways[0]->cure};
    for (std::size_t i = 1; i < ways.size(); ++i) culprit.fault += " or " + ways[i]->name;
    if (ways.size() > 1) culprit.evidence.push_back("these cannot be told apart in this case");
    for (const faults::Fault* fault : ways) right_[fault->stage] = "reference";
    culprits_.push_back(std::move(culprit));
  }

  bool unexplained(const std::string& why) {
    culprits_.push_back({.stage = "", .fault = "unexplained", .evidence = {why}});
    std::ranges::copy(differences_, std::back_inserter(culprits_.back().evidence));
    return false;
  }

  const OwnPath& subject_;
  const Task& task_;
  int repeat_;
  const RunResult& good_;
  std::vector<report::Culprit> culprits_;
  std::vector<std::string> differences_;
  Recipe right_;
  int tried_ = 0;
};

}  // namespace

KernelRuns run_kernels(const OwnPath& subject, const Task& task, int repeat, std::optional<RunResult> first) {
  KernelRuns runs{.launches = {}, .good = kernel::lane_model::run_lane_model(task)};
  if (first) runs.launches.push_back(*std::move(first));
  launch_up_to(repeat, subject, task, {}, runs.launches);
  return runs;
}

std::vector<report::Culprit> search_kernel(const OwnPath& subject, const Task& task, const KernelRuns& seen,
                                           const Progress& step) {
  const int repeat = static_cast<int>(seen.launches.size());
  KernelSearch search(subject, task, repeat, seen.good);
  for (KernelRuns now = seen; !now.all_good(); now.launches = launches_of(subject, task, repeat, search.put_right())) {
    step("kernel stages");
    search.note_differences(now.launches[0]);
    if (search.find_race(now.launches) || search.find_isolated()) continue;
    if (!judge::all_equal(now.launches) || !search.find_together(now.launches[0])) break;
  }
  return search.take();
}

}  // namespace w4::cases::search
