// SPDX-License-Identifier: Apache-2.0
#include "cases/case/build_commit.h"
#include "cases/case/made_with.h"
#include "fixtures/error.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <set>

namespace w4::cases {
namespace {

constexpr std::string_view kBetween = "; ";

std::time_t now() {
  const char* const given = std::getenv("SOURCE_DATE_EPOCH");
  if (given == nullptr) return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const std::string_view text = given;
  std::time_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  constexpr std::time_t kYear10000 = 253402300800;
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0 || seconds >= kYear10000)
    throw InputError("SOURCE_DATE_EPOCH is '{}', expected the seconds since 1970", text);
  return seconds;
}

std::string host() {
  char name[HOST_NAME_MAX + 1] = {};
  return ::gethostname(name, HOST_NAME_MAX) == 0 ? name : "";
}

void add_values(std::string_view text, std::set<std::string>& values) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(kBetween), text.size());
    values.emplace(text.substr(0, end));
    text.remove_prefix(std::min(end + kBetween.size(), text.size()));
  }
}

}  // namespace

MadeWith made_here() {
  MadeWith made = {{"version", W4_VERSION},
                   {"commit", build_commit()},
                   {"compiler", W4_COMPILER},
                   {"date", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now()))}};
  if (const std::string name = host(); !name.empty()) made["host"] = name;
  return made;
}

MadeWith made_on(const kernel::child::ForeignKernel& kernel) {
  if (!kernel.on_device()) return {};
  return {{"gpu", kernel.device()}, {"driver", kernel.driver()}};
}

MadeWith joined_made(const std::vector<MadeWith>& all) {
  std::map<std::string, std::set<std::string>> values;
  for (const MadeWith& made : all)
    for (const auto& [name, value] : made) add_values(value, values[name]);
  MadeWith whole;
  for (const auto& [name, different] : values)
    whole[name] = name == "date" ? *different.rbegin() : fmt::format("{}", fmt::join(different, kBetween));
  return whole;
}

}  // namespace w4::cases
