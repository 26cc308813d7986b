// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/shrink/plain_case.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace w4::cases::shrink {

/// What a trial of a smaller case says. A kernel that does not take a case is no evidence of anything, and is counted.
enum class Answer { same_failure, another_outcome, not_taken };

struct Shrunk {
  PlainCase best;
  int trials = 0;
  int not_taken = 0;
  bool budget_ran_out = false;     // otherwise no single step of any strategy keeps the failure
  std::vector<std::string> steps;  // "rows of A: 96 to 1", in the order in which they were made
};

/// The search: the smallest case so far, trials that are never made twice, and their budget.
class Shrinker {
 public:
  using Trial = std::function<Answer(const PlainCase&)>;
  /// `trial` of `first` is known to be same_failure. Told before each trial: how many there were, and the case.
  using Told = std::function<void(int, const PlainCase&)>;
  Shrinker(PlainCase first, int budget, Trial trial, Told told);

  const PlainCase& best() const { return shrunk_.best; }

  /// Tries a case and, if it still fails the same way, goes on from it.
  bool take(const PlainCase& smaller);

  /// One strategy after another until none of them finds anything, or the budget is spent.
  Shrunk run();

 private:
  Trial trial_;
  Told told_;
  int budget_;
  Shrunk shrunk_;
  std::unordered_map<std::uint64_t, bool> known_;
};

/// One way to make a case smaller or plainer. It takes all it can by Shrinker::take().
struct Strategy {
  const char* what;                          // "rows of A"
  std::string (*measure)(const PlainCase&);  // how much of it there is, for people: "96", "3 of 64", "none"
  void (*reduce)(Shrinker&);
};

/// In the order in which they are applied: sizes first, since they make every later trial cheaper.
std::vector<Strategy> size_strategies();   // rows, groups, K, columns, and what a layer may go without
std::vector<Strategy> value_strategies();  // scales to 1, codes to 8, activations and bias to 0 or 1

/// "M1_K64_N64_g64_sym_fp16_b_s7: 1 of 64 activations not 0, 3 of 64 scales not 1"
std::string text_of(const PlainCase& plain);

}  // namespace w4::cases::shrink
