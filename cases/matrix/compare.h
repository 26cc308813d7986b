// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/record.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

namespace w4::cases::matrix {

/// What became of a case from A to B, in the order in which cases are listed. Times decide nothing: they are noise
/// where machines are shared.
enum class Change {
  worse,    // red and was not, not run and was a pass, or less accurate beyond the noise (baseline.h)
  better,   // the same the other way round
  differs,  // red in another way, or not run for another reason
  same,
  only_in_a,  // neither better nor worse
  only_in_b,
};
std::string_view name_of(Change change);  // "worse", ...

/// One case of two kernels.
struct ComparedCase {
  std::string case_text;  // without the kernel
  Change change = Change::same;
  std::string why = {};       // one line with both; empty: they are alike, or one is not there
  const Record* a = nullptr;  // null: not in it
  const Record* b = nullptr;
  std::optional<double> time = {};   // of a launch, B / A; none: one of them is unknown
  std::optional<double> max_z = {};  // B / A
};

/// Two results of one kernel each; `name`: the file or the kernel.
struct NamedResults {
  std::string name;
  Results results;
};

struct Comparison {
  NamedResults a, b;
  std::vector<ComparedCase> cases;  // by change, then the largest of the two quotients first; they point into a and b

  std::size_t count(Change change) const;
  int exit_code() const { return count(Change::worse) > 0 ? 1 : 0; }
};

/// Throws InputError for a result that has a case of two kernels, and for two results without a common case.
Comparison compared(NamedResults a, NamedResults b);

/// The first of the cases that changed, with both reasons and the command that repeats B; a table of the others;
/// counts.
std::string text_of(const Comparison& comparison);
std::string markdown_of(const Comparison& comparison);
nlohmann::ordered_json json_of(const Comparison& comparison);

}  // namespace w4::cases::matrix
