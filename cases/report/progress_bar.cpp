// SPDX-License-Identifier: Apache-2.0
#include "cases/report/progress_bar.h"

#include "fixtures/text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace w4::cases::report {
namespace {

constexpr int kBarWidth = 20;
constexpr auto kBetweenLines = std::chrono::minutes(1);
constexpr auto kBetweenDraws = std::chrono::milliseconds(100);

std::string rate_text(double per_second) {
  return per_second >= 1 ? fmt::format("{:.1f}/s", per_second) : fmt::format("{:.1f} s each", 1 / per_second);
}

}  // namespace

std::string bar_text(std::string_view what, std::uint64_t done, std::uint64_t total, double seconds,
                     std::string_view label) {
  const std::uint64_t filled = total == 0 ? kBarWidth : done * kBarWidth / total;
  std::string text = fmt::format("{}  [{}{}]  {} of {}", what, std::string(filled, '#'),
                                 std::string(kBarWidth - filled, '.'), done, total);
  if (done > 0 && seconds > 0) {
    const double per_second = static_cast<double>(done) / seconds;
    text += fmt::format("  {}  {:.0f} s left", rate_text(per_second), static_cast<double>(total - done) / per_second);
  }
  return label.empty() ? text : fmt::format("{}  {}", text, label);
}

ProgressBar::ProgressBar(std::string what, std::uint64_t total, bool quiet)
    : what_(std::move(what)), total_(total), quiet_(quiet), terminal_(::isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
  if (!quiet_ && terminal_) fmt::print(stderr, "\r\033[K");
}

void ProgressBar::advance(std::string_view label) {
  const std::scoped_lock lock(one_at_a_time_);
  ++done_;
  const Clock::time_point now = Clock::now();
  if (quiet_ || now - said_ < (terminal_ ? Clock::duration(kBetweenDraws) : Clock::duration(kBetweenLines))) return;
  said_ = now;
  const std::string text =
      bar_text(what_, done_, total_, std::chrono::duration<double>(now - begin_).count(), shown(label));
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", text, terminal_ ? "" : "\n");
}

void ProgressBar::say(std::string_view line) {
  const std::scoped_lock lock(one_at_a_time_);
  fmt::print(stderr, "{}{}", !quiet_ && terminal_ ? "\r\033[K" : "", text_line("{}", line));
}

}  // namespace w4::cases::report
