// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/error.h"

#include <string>
#include <string_view>
#include <utility>

namespace w4::kernel::child {

/// The kernel could not start at all: there is no such command, module or file. Exit 125.
class CannotStart : public CannotTest {
 public:
  using CannotTest::CannotTest;
};

/// The kernel's answer is damaged, and so no evidence of anything. It is no CannotTest: a search ends with it. Exit 1.
class UnreadableAnswer : public Error {
 public:
  /// `whose`: "command" or "plug-in".
  UnreadableAnswer(std::string_view whose, std::string_view why)
      : Error(kMismatch, fmt::format("the {}'s answer cannot be read: {}", whose, why)) {}
};

/// This program lacks descriptors, memory or processes: nothing is known of the kernel. It is no CannotTest, which
/// would be the kernel's refusal. Exit 125.
class ToolFailed : public Error {
 public:
  template <class... Args>
  explicit ToolFailed(fmt::format_string<Args...> format, Args&&... args)
      : Error(kCannotTest, fmt::format(format, std::forward<Args>(args)...)) {}
};

}  // namespace w4::kernel::child
