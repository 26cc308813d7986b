// SPDX-License-Identifier: Apache-2.0
#include "cases/sweep/random_cases.h"

#include "cases/case/task.h"
#include "cases/search/launch_trials.h"
#include "cases/search/rounding_search.h"
#include "cases/sweep/failure_kinds.h"
#include "fixtures/error.h"

#include <algorithm>
#include <iterator>

namespace w4::cases::sweep {
namespace {

using kernel::RunResult;

constexpr std::uint64_t kSeed = 7;
constexpr const char* kNames[] = {"M", "K", "N", "group_size", "thread_blocks"};  // by place of the axis

std::string text_of(const Shape& shape) {
  return fmt::format("M={}, K={}, N={}, group_size {}", shape.M, shape.K, shape.N, shape.group);
}

}  // namespace

/// A layer with one group has no act-order.
Prepared RandomCases::made(const Shape& shape) const {
  CaseId id = swept_.like;
  id.M = shape.M;
  id.K = shape.K;
  id.N = shape.N;
  id.group = shape.group;
  id.act_order = id.act_order && shape.group_size() < shape.K;
  id.cuts.clear();
  id.source = Source::r;
  id.seed = kSeed;
  Prepared prepared = random_case(id, swept_.options.request.magnitude);
  if (!swept_.stores_zeros) prepared.layer.qzeros.reset();
  return prepared;
}

/// `all`: continues after a wrong launch unless it hangs.
std::vector<RunResult> RandomCases::launched(const Prepared& prepared, const kernel::Launch& launch, bool all) {
  probe::Question question{std::make_shared<const fixtures::Layer>(prepared.layer), prepared.A, launch};
  std::vector<RunResult> results;
  for (int i = 0; i < (all ? swept_.options.effort.repeat : repeat_); ++i) {
    question.launch.number = static_cast<std::uint64_t>(i);
    step_(fmt::format("sweep: launch {}, {}", launches_ + 1, prepared.id.text()));
    results.push_back(swept_.box->ask(question));
    ++launches_;
    if (!results.back().ran()) break;
  }
  return results;
}

/// Under the class of rounding that explains all launches, where one does.
judge::Expected RandomCases::explained(const Prepared& prepared, const Options& options, const kernel::Task& task,
                                       const std::vector<RunResult>& results) {
  probe::RoundingProbes probes(
      prepared, task.launch,
      [&](const probe::Question& question) {
        ++launches_;
        return swept_.box->ask(question);
      },
      swept_.box->on_device());
  judge::Expected own = judge::expected_output(prepared.layer, prepared.A,
                                               search::rounding_for(prepared, options, task, swept_.multiprocessors));
  return search::explain_launches(prepared, options, results, std::move(own), task.launch.fill, &probes).expected;
}

Outcome RandomCases::outcome(const Shape& shape, bool all) {
  const Prepared prepared = made(shape);
  Options options = swept_.options;
  if (shape.thread_blocks) options.request.thread_blocks = shape.thread_blocks;
  const kernel::Task task = task_of(prepared, repack::repack(prepared.layer), options);
  const std::vector<RunResult> results = launched(prepared, task.launch, all);
  const judge::Expected expected = explained(prepared, options, task, results);
  std::vector<std::string> kinds;
  for (const RunResult& result : results)
    std::ranges::copy(failure_kinds(result, judge::compare(result.C, expected, task.launch.fill), prepared.layer.dtype),
                      std::back_inserter(kinds));
  timed_out_ = timed_out_ || results.back().timed_out;
  differed_ = std::ranges::any_of(
      results, [&](const RunResult& result) { return result.ran() != results[0].ran() || result.C != results[0].C; });
  const Point point = point_of(shape);
  for (std::size_t i = 0; i < point.size(); ++i) seen_[i].insert(point[i]);
  return outcome_of(kinds, shape);
}

/// Another kind of failure than the one that is followed says nothing of that one.
Outcome RandomCases::outcome_of(const std::vector<std::string>& kinds, const Shape& shape) {
  if (kinds.empty()) return Outcome::right;
  if (followed_.empty()) followed_ = kinds[0];
  if (std::ranges::find(kinds, followed_) != kinds.end()) return Outcome::wrong;
  if (others_++ == 0) other_ = fmt::format("{} at {}", kinds[0], text_of(shape));
  refusal_ = kinds[0];
  return Outcome::cannot;
}

std::string RandomCases::left_out() const {
  if (others_ == 0) return "";
  return fmt::format("followed: {}. {} other shape{} in another way and {} left out, first {}", followed_, others_,
                     others_ == 1 ? " fails" : "s fail", others_ == 1 ? "is" : "are", other_);
}

/// A shape that cannot be made counts as `cannot`; the sweep continues.
Outcome RandomCases::tried(const Shape& shape, bool all) {
  try {
    return outcome(shape, all);
  } catch (const Error& error) {
    refusal_ = error.what();
    return Outcome::cannot;
  }
}

Outcome RandomCases::at_base(const Shape& shape, bool launches_differ) {
  const Outcome found = tried(shape, true);
  if (launches_differ || differed_) repeat_ = swept_.options.effort.repeat;
  return found;
}

Outcome RandomCases::at(const Shape& shape) { return tried(shape, false); }

std::string RandomCases::range() const {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const std::set<int>& values = seen_[i];
    if (values.empty()) continue;
    if (i == kAxisGroup || values.size() == 1)
      parts.push_back(fmt::format("{} {}", kNames[i], fmt::join(values, ", ")));
    else
      parts.push_back(fmt::format("{} from {} to {}", kNames[i], *values.begin(), *values.rbegin()));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace w4::cases::sweep
