// SPDX-License-Identifier: Apache-2.0
#include "cases/shrink/shrink.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace w4::cases::shrink {

Shrinker::Shrinker(PlainCase first, int budget, Trial trial, Told told, Stopped stopped)
    : trial_(std::move(trial)), told_(std::move(told)), stopped_(std::move(stopped)), budget_(budget) {
  known_[fingerprint(first)] = true;
  shrunk_.best = std::move(first);
}

bool Shrinker::take(const PlainCase& smaller) {
  const std::uint64_t print = fingerprint(smaller);
  if (const auto found = known_.find(print); found != known_.end()) {
    if (found->second) shrunk_.best = smaller;
    return found->second;
  }
  shrunk_.interrupted = shrunk_.interrupted || stopped_();
  shrunk_.budget_ran_out = shrunk_.trials >= budget_;
  if (shrunk_.interrupted || shrunk_.budget_ran_out) return false;
  told_(++shrunk_.trials, smaller);
  const Answer answer = trial_(smaller);
  shrunk_.not_taken += answer == Answer::not_taken;
  known_[print] = answer == Answer::same_failure;
  if (answer != Answer::same_failure) return false;
  shrunk_.best = smaller;
  return true;
}

Shrunk Shrinker::run() {
  std::vector<Strategy> all = size_strategies();
  const std::vector<Strategy> values = value_strategies();
  all.insert(all.end(), values.begin(), values.end());
  for (bool changed = true; changed && !shrunk_.budget_ran_out && !shrunk_.interrupted;) {
    const std::uint64_t before = fingerprint(best());
    for (const Strategy& strategy : all) {
      const std::string from = strategy.measure(best());
      strategy.reduce(*this);
      const std::string to = strategy.measure(best());
      if (from != to) shrunk_.steps.push_back(fmt::format("{}: {} to {}", strategy.what, from, to));
    }
    changed = fingerprint(best()) != before;
  }
  return shrunk_;
}

std::string text_of(const PlainCase& plain) {
  std::vector<std::string> values;
  for (const Strategy& strategy : value_strategies())
    if (const std::string left = strategy.measure(plain); left != "none")
      values.push_back(fmt::format("{} {}", left, strategy.what));
  return fmt::format("{}: {}", prepared_of(plain, "").id.text(),
                     values.empty() ? "plain values alone" : fmt::format("{}", fmt::join(values, ", ")));
}

}  // namespace w4::cases::shrink
