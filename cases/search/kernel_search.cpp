// SPDX-License-Identifier: Apache-2.0
#include "cases/search/kernel_search.h"

#include "cases/faults/faults.h"
#include "fixtures/error.h"

#include <algorithm>

namespace w4::cases::search {
namespace {

using kernel::RunResult;
using kernel::Task;
using repack::Recipe;

std::size_t differing(const Grid<std::uint16_t>& a, const Grid<std::uint16_t>& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return std::max(a.size(), b.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

std::size_t unwritten(const RunResult& result, std::uint16_t fill) {
  return static_cast<std::size_t>(std::count(result.C.cells().begin(), result.C.cells().end(), fill));
}

std::vector<RunResult> launches_of(const OwnPath& subject, Task task, int repeat, const Recipe& put_right) {
  std::vector<RunResult> results;
  for (int i = 0; i < repeat; ++i) {
    task.launch.number = static_cast<std::uint64_t>(i);
    results.push_back(subject.run(task, put_right));
  }
  return results;
}

bool all_equal(const std::vector<RunResult>& results) {
  return std::all_of(results.begin(), results.end(), [&](const RunResult& r) { return same_result(r, results[0]); });
}

/// The kernel's known wrong ways: all, or those of stages that `except` does not name.
std::vector<const faults::Fault*> kernel_faults(const Recipe& except, bool races) {
  std::vector<const faults::Fault*> found;
  for (const faults::Fault& fault : faults::faults())
    if (faults::stage_index(fault.stage) >= faults::kRepackStages && !except.contains(fault.stage) &&
        fault.repeats_differ == races)
      found.push_back(&fault);
  return found;
}

using Ways = std::vector<const faults::Fault*>;  // of different stages, acting together

/// One search: the task, what was seen, and what has been put right so far.
class Search {
 public:
  Search(const OwnPath& subject, const Task& task, int repeat, KernelSearch& out)
      : subject_(subject), task_(task), repeat_(repeat), out_(out) {}

  /// Names the race, when there is one. True: something was put right, look again.
  bool find_race(const std::vector<RunResult>& seen) {
    if (all_equal(seen)) return false;
    Ways cured;
    for (const faults::Fault* fault : kernel_faults(right_, true))
      if (all_equal(launches_of(subject_, task_, repeat_, with_right({fault}))) && differs_alone(*fault))
        cured.push_back(fault);
    std::size_t most = 0;
    for (const RunResult& result : seen) most = std::max(most, differing(result.C, seen[0].C));
    const std::string what = fmt::format("{} launches of the same task differ in up to {} of {} outputs", seen.size(),
                                         most, seen[0].C.size());
    if (cured.empty()) return unexplained(what);
    accuse(cured,
           {what, fmt::format("with {} put right alone, {} launches are equal in every bit", cured[0]->stage, repeat_),
            fmt::format("planted alone in the known-good kernel, it makes launches differ{}", calm_below_64_rows())});
    return true;
  }

  /// Leaves one stage after another as the path does it, and all others right: what differs then is that stage's doing,
  /// however many faults there are. True: at least one was named.
  bool find_isolated() {
    bool found = false;
    for (std::size_t stage = faults::kRepackStages; stage < faults::stage_ids().size(); ++stage) {
      const std::string& id = faults::stage_ids()[stage];
      if (right_.contains(id)) continue;
      const RunResult seen = subject_.run(task_, all_right_but(id));
      if (same_result(seen, out_.good)) continue;
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
      return unexplained(
          fmt::format("no known wrong way reproduces it, alone or in twos ({} tried; races cannot be)", tried_));
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

 private:
  Recipe with_right(const Ways& ways) const {
    Recipe recipe = right_;
    for (const faults::Fault* fault : ways) recipe[fault->stage] = "reference";
    return recipe;
  }

  bool differs_alone(const faults::Fault& fault) const {
    return !all_equal(launches_of(OwnPath(Recipe{{fault.stage, fault.variant}}), task_, repeat_, {}));
  }

  static Recipe all_right_but(const std::string& stage) {
    Recipe recipe;
    for (std::size_t i = faults::kRepackStages; i < faults::stage_ids().size(); ++i)
      if (faults::stage_ids()[i] != stage) recipe[faults::stage_ids()[i]] = "reference";
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
        if (faults::stage_index(a->stage) < faults::stage_index(b->stage)) all.push_back({a, b});
    return all;
  }

  /// The hypotheses that make exactly what was seen on the same packed tensors.
  std::vector<Ways> reproductions(const RunResult& seen, const std::vector<Ways>& hypotheses) {
    std::vector<Ways> hits;
    for (const Ways& ways : hypotheses) {
      Recipe recipe;
      for (const faults::Fault* fault : ways) recipe[fault->stage] = fault->variant;
      ++tried_;
      if (same_result(kernel::lane_model::run_lane_model(task_, recipe), seen)) hits.push_back(ways);
    }
    return hits;
  }

  std::vector<std::string> evidence_for(const RunResult& seen, std::size_t hits) const {
    std::vector<std::string> lines = differences(seen, out_.good);
    lines.push_back(
        fmt::format("reproduced bit for bit by {} of {} known wrong ways on the same packed tensors", hits, tried_));
    const bool dirty = std::any_of(seen.workspace.begin(), seen.workspace.end(), [](int lock) { return lock != 0; });
    if (dirty && seen.ran()) lines.push_back(second_launch(seen.workspace));
    return lines;
  }

  std::string second_launch(const std::vector<std::int32_t>& workspace) const {
    Task again = task_;
    again.launch.workspace = workspace;
    again.launch.number = 1;
    const RunResult result = subject_.run(again, right_);
    if (result.timed_out) return "a second launch on the workspace it left hangs on its locks";
    const std::size_t wrong = differing(result.C, out_.good.C);
    return fmt::format("a second launch on the workspace it left has {} of {} outputs wrong", wrong, result.C.size());
  }

  /// The catalogue's condition of the race: it needs M of 64 or more.
  std::string calm_below_64_rows() const {
    constexpr int kCalmRows = 16;
    if (task_.A.rows() <= kCalmRows) return "";
    Task small = task_;
    small.A = Grid<std::uint16_t>::made(kCalmRows, task_.A.cols(), [&](std::span<std::uint16_t> out) {
      std::copy_n(task_.A.cells().begin(), out.size(), out.begin());
    });
    const bool calm = all_equal(launches_of(subject_, small, repeat_, right_));
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
    out_.culprits.push_back(std::move(culprit));
  }

  bool unexplained(const std::string& why) {
    out_.culprits.push_back({.stage = "", .fault = "unexplained", .evidence = {why}});
    return false;
  }

  const OwnPath& subject_;
  const Task& task_;
  int repeat_;
  KernelSearch& out_;
  Recipe right_;
  int tried_ = 0;
};

}  // namespace

bool same_result(const RunResult& a, const RunResult& b) {
  return a.return_code == b.return_code && a.launch_error == b.launch_error &&
         a.synchronise_error == b.synchronise_error && a.signal == b.signal && a.timed_out == b.timed_out &&
         a.C == b.C && a.workspace == b.workspace && a.guards_intact == b.guards_intact &&
         a.block_tiles_done == b.block_tiles_done;
}

std::vector<std::string> differences(const RunResult& got, const RunResult& good) {
  std::vector<std::string> lines;
  const std::uint16_t fill = kernel::Launch{}.fill;
  if (got.return_code != good.return_code) lines.push_back(fmt::format("return code {}", got.return_code));
  if (!got.launch_error.empty()) lines.push_back("launch error " + got.launch_error);
  if (!got.synchronise_error.empty()) lines.push_back("synchronise error " + got.synchronise_error);
  if (!got.signal.empty()) lines.push_back("ended by " + got.signal);
  if (got.timed_out) lines.push_back("hangs: a thread block waits for a lock that nobody sets");
  if (const std::size_t lost = unwritten(got, fill); lost > 0)
    lines.push_back(fmt::format("{} of {} outputs keep the fill: never written, not zero", lost, got.C.size()));
  if (const std::size_t other = differing(got.C, good.C); other > 0)
    lines.push_back(fmt::format("{} of {} outputs differ from the known-good kernel's on the same packed tensors",
                                other, got.C.size()));
  const auto locks = std::count_if(got.workspace.begin(), got.workspace.end(), [](int lock) { return lock != 0; });
  if (locks > 0) lines.push_back(fmt::format("{} of {} locks are left non-zero", locks, got.workspace.size()));
  if (!got.guards_intact) lines.push_back("wrote outside its buffers");
  if (got.block_tiles_done != good.block_tiles_done)
    lines.push_back(
        fmt::format("{} block_tiles done where {} are needed", got.block_tiles_done, good.block_tiles_done));
  else if (unwritten(got, fill) == got.C.size())
    lines.push_back(fmt::format("{} block_tiles were multiplied all the same", got.block_tiles_done));
  return lines;
}

KernelSearch search_kernel(const OwnPath& subject, const Task& task, int repeat,
                           const std::function<void(std::string_view)>& step) {
  KernelSearch out;
  step("kernel");
  out.launches = launches_of(subject, task, repeat, {});
  step("known-good kernel");
  out.good = kernel::lane_model::run_lane_model(task);
  Search search(subject, task, repeat, out);
  for (std::vector<RunResult> seen = out.launches;; seen = launches_of(subject, task, repeat, search.put_right())) {
    if (all_equal(seen) && same_result(seen[0], out.good)) break;
    step("kernel stages");
    if (out.differences.empty()) out.differences = differences(seen[0], out.good);
    if (search.find_race(seen)) continue;
    if (search.find_isolated()) continue;
    if (!all_equal(seen) || !search.find_together(seen[0])) break;
  }
  return out;
}

}  // namespace w4::cases::search
