// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/made_with.h"
#include "cases/judge/compare.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace w4::cases::matrix {

/// How a case ended. `skipped`: this machine cannot run it (no GPU, no memory); `unsupported`: the kernel does not take
/// it (its shape); `unreadable`: its answer is damaged.
enum class Outcome { pass, fail, flaky, unsupported, skipped, crashed, timed_out, unreadable };

std::string_view name_of(Outcome outcome);     // "pass", ..., "timed-out"
Outcome parse_outcome(std::string_view text);  // throws InputError with the known ones
constexpr bool is_red(Outcome outcome) {       // what makes a run exit with 1
  return outcome == Outcome::fail || outcome == Outcome::flaky || outcome == Outcome::crashed ||
         outcome == Outcome::timed_out || outcome == Outcome::unreadable;
}

/// The error of an output against the oracle (numerics.md).
struct ErrorFigures {
  double max_z = 0, rms_z = 0, nrmse = 0, gain = 1;
};

ErrorFigures figures_of(const judge::Comparison& comparison);

/// The class of rounding by which the output of the user's kernel is right.
struct RecordedRounding {
  judge::RoundingClass rounding;
  std::string text;  // in words
};

/// A red case of a baseline: why it may fail, and the last day on which it may ("YYYY-MM-DD").
struct Known {
  std::string reason, expires;
  friend bool operator==(const Known&, const Known&) = default;
};

/// The result of one case.
struct Record {
  std::string case_text;  // what `bisect --case` takes; unique within a result
  Outcome outcome = Outcome::pass;
  std::string reason = {};  // one line; empty only for a pass
  double seconds = 0;
  std::optional<double> launch_seconds = {};      // of the fastest launch of the case; none: nothing was launched
  std::optional<ErrorFigures> error = {};         // none: there was no output to compare
  std::optional<RecordedRounding> rounding = {};  // of the user's kernel, where its output is right
  int times = 1;                                  // runs (--repeat), and how many of them did not pass
  int failed = 0;
  nlohmann::ordered_json finding = nullptr;   // bisect's report (design.md, section 6), or null
  nlohmann::ordered_json pictures = nullptr;  // of a failure (pictures.h), or null
  std::string rerun = {};                     // the command that repeats it alone
  std::optional<Known> known = {};            // in baselines only (baseline.h)
  MadeWith made_with = {};                    // sums, and on a GPU "gpu" and "driver"; not in baselines
};

/// Which cases a result is of. Results may be joined or resumed only when all but the shard is equal.
struct Heading {
  std::string set;                          // "ci", or "axes" of a product given on the command line
  std::vector<std::string> selection = {};  // --axis, --only, --where, --inject, --set, --repeat, as they were given
  std::size_t cases = 0;                    // of the whole set, all shards together
  int shard = 1, shards = 1;
  MadeWith made = {};  // made_here(); of joined results, of all of them
  friend bool operator==(const Heading&, const Heading&) = default;
};

/// A whole result: records in the order of the set. In a file it is lines of JSON: the heading, then a record each.
struct Results {
  Heading heading;
  std::vector<Record> records;
};

/// What the whole result was made with: the heading's, and of all records.
MadeWith made_of(const Results& results);

/// null where the value is not finite: JSON has no such numbers.
nlohmann::ordered_json number(double value);

nlohmann::ordered_json json_of(const Heading& heading);
nlohmann::ordered_json json_of(const Record& record);

/// Read what json_of() wrote; `where` names it. Throw InputError for a missing field or another schema.
Heading heading_of(const nlohmann::ordered_json& value, std::string_view where);
Record record_of(const nlohmann::ordered_json& value, std::string_view where);

/// A finished result file. Throws InputError, also for a case that occurs twice.
Results read_results(const std::string& path);

/// The file as it is at rest: records as they stand, one line each.
std::string text_of(const Results& results);

/// Records by outcome, in the order of Outcome.
std::vector<std::size_t> counts_of(const std::vector<Record>& records);

/// "112 pass, 1 fail, 3 unsupported": outcomes without cases are left out.
std::string counts_text(const std::vector<Record>& records);

/// Of a record with a finding: "scale-perm-missing in stage scale_order; ...", or "unexplained in stage launch".
std::string finding_line(const Record& record);

/// A case that is no pass, as lines: reason, culprits with their evidence and cures, error figures, how often it
/// failed, and the command that repeats it.
std::string finding_text(const Record& record);

}  // namespace w4::cases::matrix
