// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/sweep/change_points.h"

#include <map>
#include <optional>

namespace w4::cases::sweep {

/// Launches each point once, and as many points as the budget allows.
class LaunchMemo {
 public:
  LaunchMemo(const Launch& launch, int budget, const std::function<bool(const Point&)>& possible)
      : launch_(launch), budget_(budget), possible_(possible) {}

  /// None: not launched, the budget is spent.
  std::optional<Outcome> at(const Point& point) {
    if (refuses(point)) return Outcome::cannot;
    if (const auto found = seen_.find(point); found != seen_.end()) return found->second;
    if (launches() >= budget_) {
      ran_out_ = true;
      return std::nullopt;
    }
    return seen_.emplace(point, launch_(point)).first->second;
  }

  /// A point that is not possible: it is never launched.
  bool refuses(const Point& point) const { return possible_ && !possible_(point); }
  bool knows(const Point& point) const { return seen_.contains(point); }
  const std::map<Point, Outcome>& seen() const { return seen_; }
  int launches() const { return static_cast<int>(seen_.size()); }
  bool ran_out() const { return ran_out_; }

 private:
  const Launch& launch_;
  int budget_;
  const std::function<bool(const Point&)>& possible_;
  std::map<Point, Outcome> seen_;
  bool ran_out_ = false;
};

}  // namespace w4::cases::sweep
