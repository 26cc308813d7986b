// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/judge/class_fit.h"
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
  /// Which probes of sums were answered.
  judge::Confirmed confirmed();

 private:
  /// One probe of sums; none: the kernel does not take it, or a launch failed.
  struct Answer {
    bool asked = false;
    std::optional<SumReading> sums;
  };
  struct PowerScaled {
    std::optional<kernel::RunResult> answer;
    judge::Expected expected;  // with its terms; none without an answer
  };
  std::string sums_against(const judge::RoundingClass& rounding);
  std::string alone_against();
  std::string scales_against(const judge::RoundingClass& rounding);
  const std::optional<SumReading>& read(const kernel::Launch& launch, Answer& answer);
  const std::optional<SumReading>& sums();
  const std::optional<SumReading>& alone();
  void ask_power_scaled();

  const Prepared& prepared_;
  kernel::Launch launch_;
  Launcher ask_;
  bool on_device_;
  Answer sums_, alone_;  // as launched, and on one thread block, where a launch can ask for it
  std::optional<PowerScaled> power_scaled_;
};

/// Reads the sums of a kernel. None: a launch failed.
std::optional<SumReading> read_sums(const Prepared& prepared, const kernel::Launch& launch, const Launcher& ask);

}  // namespace w4::cases::probe
