// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/search/progress.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace w4::cases::search {

/// Seconds that a search may take; 0: no limit.
inline int limit_of(const Effort& effort) { return effort.thorough ? 0 : effort.seconds; }

/// Thrown by a step that begins when the time is up.
struct TimeUp {};

/// How long a search may take, from its beginning on.
class TimeLimit {
 public:
  /// 0 seconds: no limit.
  explicit TimeLimit(int seconds) : seconds_(seconds) {}

  int seconds() const { return seconds_; }
  /// Seconds until the time is up, at least 0.
  double left() const {
    if (seconds_ == 0) return std::numeric_limits<double>::infinity();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin_;
    return std::max(0.0, seconds_ - spent.count());
  }
  /// Steps that throw TimeUp when the time is up. `progress` outlives them, and so does the limit.
  Progress steps(const Progress& progress) const {
    return [this, &progress](std::string_view step) {
      if (left() == 0) throw TimeUp{};
      progress(step);
    };
  }

 private:
  int seconds_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace w4::cases::search
