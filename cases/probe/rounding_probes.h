// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/rounding_class.h"
#include "cases/probe/box.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace w4::cases::probe {

/// One launch of the kernel that is asked. Throws CannotTest where it does not take the question.
using Launcher = std::function<kernel::RunResult(const Question&)>;

/// How sums round, by integers: +b in the first quarter of a span of K, ones in its middle, -b in its last quarter,
/// where b + 1 is no 16-bit number. fp32 gives the number of ones; ones that a 16-bit sum adds to b are lost.
struct SumReading {
  struct Span {
    int rows = 0;     // of K
    double lost = 0;  // the largest part of the ones that any output loses
  };
  std::vector<Span> spans;  // short to long, none longer than K
  bool exact = true;        // every output of every span, and of one span of all K with odd partial sums

  /// Of the longest span.
  double lost_at_last() const { return spans.empty() ? 0.0 : spans.back().lost; }
};

/// Confirms classes of rounding by probes of the case's own M and launch. Each is asked once, when it is first needed.
class RoundingProbes {
 public:
  /// `on_device`: sums may be short because the kernel takes many thread blocks. Sums in 16 bits are then looked at on
  /// one thread block too, where nothing is handed over.
  RoundingProbes(const Prepared& prepared, const kernel::Launch& launch, Launcher ask, bool on_device = false)
      : prepared_(prepared), launch_(launch), ask_(std::move(ask)), on_device_(on_device) {}

  /// Why the kernel does not round so; empty: every probe that can tell agrees. A probe that cannot be asked cannot.
  std::string against(const judge::RoundingClass& rounding);

 private:
  std::string sums_against(const judge::RoundingClass& rounding);
  const std::string& alone_against();
  std::string scales_against(const judge::RoundingClass& rounding);
  const std::optional<SumReading>& sums();

  const Prepared& prepared_;
  kernel::Launch launch_;
  Launcher ask_;
  bool read_ = false;
  std::optional<SumReading> sums_;
  std::optional<kernel::RunResult> power_scaled_;
  bool on_device_;
  std::optional<std::string> alone_;  // what one thread block shows against sums in 16 bits
};

/// Reads the sums of a kernel. None: a launch failed.
std::optional<SumReading> read_sums(const Prepared& prepared, const kernel::Launch& launch, const Launcher& ask);

}  // namespace w4::cases::probe
