// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/shrink/plain_case.h"

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace w4::cases::shrink {

/// The result of a trial of a smaller case. not_taken: the kernel refused the case, which proves nothing.
enum class Answer { same_failure, another_outcome, not_taken };

struct Shrunk {
  PlainCase best;
  int trials = 0;
  int not_taken = 0;
  bool budget_ran_out = false;  // neither this nor interrupted: no single step of any strategy keeps the failure
  bool interrupted = false;
  std::vector<std::string> steps;  // "rows of A: 96 to 1", in order
};

/// The search: holds the smallest case so far and the results of all trials; no case is tried twice.
class Shrinker {
 public:
  using Trial = std::function<Answer(const PlainCase&)>;
  /// `first` is known to fail. `told` is called before each trial with its number and its case.
  using Told = std::function<void(int, const PlainCase&)>;
  /// Asked before each trial: the search ends where it is.
  using Stopped = std::function<bool()>;
  Shrinker(
      PlainCase first, int budget, Trial trial, Told told, Stopped stopped = [] { return false; });

  const PlainCase& best() const { return shrunk_.best; }

  /// Tries a case. If it fails the same way, it becomes best().
  bool take(const PlainCase& smaller);

  /// Applies all strategies in turn until none makes the case smaller, the budget is spent, or it is stopped.
  Shrunk run();

 private:
  Trial trial_;
  Told told_;
  Stopped stopped_;
  int budget_;
  Shrunk shrunk_;
  std::unordered_map<std::uint64_t, bool> known_;
};

/// One way to make a case smaller or plainer; reduce() calls Shrinker::take() as often as it succeeds.
struct Strategy {
  const char* what;                          // "rows of A"
  std::string (*measure)(const PlainCase&);  // the amount, as printed: "96", "3 of 64", "none"
  void (*reduce)(Shrinker&);
};

/// In the order of application. Sizes come first, since they make every later trial cheaper.
std::vector<Strategy> size_strategies();   // rows, groups, K, columns, and optional parts of a layer
std::vector<Strategy> value_strategies();  // scales to 1, codes to 8, activations and bias to 0 or 1

/// "M1_K64_N64_g64_sym_fp16_b_s7: 1 of 64 activations not 0, 3 of 64 scales not 1"
std::string text_of(const PlainCase& plain);

}  // namespace w4::cases::shrink
