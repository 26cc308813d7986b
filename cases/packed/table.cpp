// SPDX-License-Identifier: Apache-2.0
#include "cases/packed/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace w4::cases::packed {
namespace {

constexpr int kCodes = 16, kLargest = 15;

struct Named {
  std::string text;  // "{} + 1, clipped at 15" of what is changed
  CodeTable table;
};

template <class F>
Named named(std::string text, const F& f) {
  CodeTable table;
  for (int code = 0; code < kCodes; ++code)
    table[static_cast<std::size_t>(code)] = static_cast<std::uint8_t>(f(code) & kLargest);
  return {std::move(text), table};
}

int reversed_bits(int code) { return (code & 1) << 3 | (code & 2) << 1 | (code & 4) >> 1 | (code & 8) >> 3; }

std::vector<Named> make_named() {
  std::vector<Named> all = {named("{}", [](int c) { return c; })};
  for (int d = 1; d <= 8; ++d) {
    if (d < 8) all.push_back(named(fmt::format("{{}} + {}, wrapped at 15", d), [=](int c) { return c + d; }));
    if (d < 8) all.push_back(named(fmt::format("{{}} - {}, wrapped at 0", d), [=](int c) { return c - d; }));
    all.push_back(named(fmt::format("{{}} + {}, clipped at 15", d), [=](int c) { return std::min(c + d, kLargest); }));
    all.push_back(named(fmt::format("{{}} - {}, clipped at 0", d), [=](int c) { return std::max(c - d, 0); }));
  }
  for (int x : {8, 15, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14})
    all.push_back(named(x == kLargest ? "15 - {}" : fmt::format("{{}} ^ {}", x), [=](int c) { return c ^ x; }));
  all.push_back(named("16 - {}, wrapped", [](int c) { return kCodes - c; }));
  for (int from = 14; from >= 7; --from)
    all.push_back(named(fmt::format("{{}} clipped at {}", from), [=](int c) { return std::min(c, from); }));
  for (int from = 1; from <= 8; ++from)
    all.push_back(named(fmt::format("{{}} clipped at {} from below", from), [=](int c) { return std::max(c, from); }));
  all.push_back(named("{} from 1 to 15, 0 as 15", [](int c) { return c == 0 ? kLargest : c; }));
  all.push_back(named("{} with reversed bits", reversed_bits));
  all.push_back(named("{} * 2, wrapped", [](int c) { return 2 * c; }));
  all.push_back(named("{} / 2", [](int c) { return c / 2; }));
  all.push_back(named("Gray code of {}", [](int c) { return c ^ c / 2; }));
  all.push_back(named("sign and magnitude of {} - 8", [](int c) { return c >= 8 ? c - 8 : 8 | (8 - c); }));
  all.push_back(named("{} & 7", [](int c) { return c & 7; }));
  for (int value = 0; value < kCodes; ++value)
    all.push_back(named(fmt::format("{} for all {{}}", value), [=](int) { return value; }));
  return all;
}

const std::vector<Named>& all_named() {
  static const std::vector<Named> all = make_named();
  return all;
}

bool maps(const CodeTable& table, const Counts& want, const Counts& got) {
  Counts made{};
  for (std::size_t code = 0; code < kCodes; ++code) made[table[code]] += want[code];
  return made == got;
}

/// Sets of numbers whose counts add up to each count that was got, tried one after another.
class Partition {
 public:
  Partition(const Counts& want, const Counts& got, std::size_t most, std::vector<CodeTable>& found)
      : want_(want), got_(got), most_(most), found_(found), sums_(std::size_t{1} << kCodes) {
    for (std::size_t set = 1; set < sums_.size(); ++set) {
      const auto lowest = static_cast<std::size_t>(__builtin_ctzll(set));
      sums_[set] = sums_[set & (set - 1)] + want_[lowest];
      if (want_[lowest] > 0 && sums_[set & (set - 1)] >= 0) continue;
      sums_[set] = -1;  // a number that does not occur belongs to no set
    }
  }
  void run() { assign(0, 0, identity_table()); }

 private:
  void assign(std::size_t value, std::size_t used, CodeTable table) {
    while (value < kCodes && got_[value] == 0) ++value;
    if (found_.size() >= most_ || ++steps_ > kMostSteps) return;
    if (value == kCodes) {
      if (maps(table, want_, got_) && std::ranges::find(found_, table) == found_.end()) found_.push_back(table);
      return;
    }
    for (std::size_t set = 1; set < sums_.size(); ++set) {
      if ((set & used) != 0 || sums_[set] != got_[value]) continue;
      CodeTable next = table;
      for (std::size_t code = 0; code < kCodes; ++code)
        if (set >> code & 1) next[code] = static_cast<std::uint8_t>(value);
      assign(value + 1, used | set, next);
    }
  }

  static constexpr int kMostSteps = 400;
  const Counts& want_;
  const Counts& got_;
  std::size_t most_;
  std::vector<CodeTable>& found_;
  std::vector<long long> sums_;
  int steps_ = 0;
};

}  // namespace

CodeTable identity_table() { return all_named()[0].table; }
bool is_identity(const CodeTable& table) { return table == identity_table(); }

const std::vector<CodeTable>& simple_tables() {
  static const std::vector<CodeTable> tables = [] {
    std::vector<CodeTable> all;
    for (const Named& known : all_named()) all.push_back(known.table);
    return all;
  }();
  return tables;
}

std::vector<CodeTable> tables_between(const Counts& want, const Counts& got, std::size_t most) {
  std::vector<CodeTable> found;
  for (const CodeTable& table : simple_tables())
    if (found.size() < most && maps(table, want, got)) found.push_back(table);
  const long long wanted = std::accumulate(want.begin(), want.end(), 0LL);
  if (found.empty() && wanted == std::accumulate(got.begin(), got.end(), 0LL)) Partition(want, got, most, found).run();
  return found;
}

std::string text_of_table(const CodeTable& table, const std::string& what, const Counts& occur) {
  const auto same = [&](const CodeTable& known) {
    for (std::size_t code = 0; code < kCodes; ++code)
      if (occur[code] > 0 && known[code] != table[code]) return false;
    return true;
  };
  const auto some = std::ranges::find_if(occur, [](long long count) { return count > 0; });
  if (some != occur.end() && std::ranges::count_if(occur, [](long long count) { return count > 0; }) == 1)
    return fmt::format("{} for all {}", table[static_cast<std::size_t>(some - occur.begin())], what);
  std::vector<std::string> texts;
  for (const Named& known : all_named())
    if (same(known.table)) texts.push_back(fmt::format(fmt::runtime(known.text), what));
  // An offset that meets no end of the range neither wraps nor is clipped.
  if (texts.size() > 1 && texts[0].find(", wrapped") != std::string::npos &&
      texts[1].find(", clipped") != std::string::npos)
    return texts[0].substr(0, texts[0].find(", wrapped"));
  if (!texts.empty()) return texts[0];
  std::vector<std::string> changed;
  for (std::size_t code = 0; code < kCodes; ++code)
    if (occur[code] > 0 && table[code] != code) changed.push_back(fmt::format("{} as {}", code, table[code]));
  return fmt::format("{} with {}", what, fmt::join(changed, ", "));
}

std::string undo_list(const CodeTable& table) {
  std::array<int, kCodes> back;
  back.fill(-1);
  for (int code = 0; code < kCodes; ++code) {
    int& from = back[table[static_cast<std::size_t>(code)]];
    if (from >= 0) return "";
    from = code;
  }
  return fmt::format("np.array([{}])", fmt::join(back, ", "));
}

}  // namespace w4::cases::packed
