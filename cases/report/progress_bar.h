// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace w4::cases::report {

/// "repack  [#####...............]  57 of 224  1.8/s  93 s left  model.layers.8.mlp.up_proj"; without the rate
/// while `done` is 0.
std::string bar_text(std::string_view what, std::uint64_t done, std::uint64_t total, double seconds,
                     std::string_view label);

/// Progress of a long run on stderr: a bar on a terminal, elsewhere a line a minute. Thread-safe.
class ProgressBar {
 public:
  ProgressBar(std::string what, std::uint64_t total, bool quiet);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Counts one more, named `label`.
  void advance(std::string_view label);
  /// Prints a line of its own, and keeps the bar.
  void say(std::string_view line);

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  std::uint64_t total_;
  bool quiet_;
  bool terminal_;
  std::uint64_t done_ = 0;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point said_ = begin_;
  std::mutex one_at_a_time_;
};

}  // namespace w4::cases::report
