// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/record.h"

#include <string>
#include <string_view>
#include <vector>

namespace w4::cases::matrix {

/// A baseline is a result file that later results are compared with, of whatever kernel: its records hold no findings,
/// no pictures and nothing of what they were made with, and every red one says why it may fail and until when (Known).

/// The result without what a baseline does not need.
Results slim(Results results);

/// Marks the red cases whose text matches the glob (fnmatch; * also matches /) as known failures, over an earlier mark.
/// Throws InputError for a glob that no red case matches, an empty reason or an invalid date.
Results with_known(Results results, const std::string& glob, const std::string& reason, const std::string& expires);

/// Throws InputError, naming the case and `where`, for a red case that is not known, a known failure without a reason
/// or with an invalid date, and a known failure that is not red.
void check_baseline(const Results& baseline, std::string_view where);

/// A checked baseline from a file. Throws InputError.
Results read_baseline(const std::string& path);

/// Throws InputError unless `date` is a day of the calendar, written YYYY-MM-DD. Such dates sort as texts.
void check_date(std::string_view date, std::string_view where);

/// Today (UTC), written so.
std::string today();

/// What is new about a case, in the order of the report.
enum class NewsKind {
  newly_failing,   // red; another outcome in the baseline, or not in it
  known_passes,    // a known failure that passes now: remove the mark
  known_expired,   // still fails as known, after the day until when it may
  slower,          // see kSlowerFactor
  less_accurate,   // see kMaxZRise
  wider_rounding,  // right only under a wider class of rounding than before
  newly_passing,   // it was skipped or unsupported
  not_run,         // skipped or unsupported, and was something else
  new_case,        // not in the baseline, and not red
  case_gone,       // in the baseline alone
};
std::string_view name_of(NewsKind kind);  // "newly failing", ...

struct NewsItem {
  NewsKind kind;
  std::string case_text;
  std::string text;  // one line with both values
};

/// A result held against a baseline.
struct News {
  std::vector<NewsItem> items;         // by kind, then by case
  std::vector<Record> known_failures;  // red as the baseline knows them: no news
  double pace = 1;                     // how many times longer the run's cases take than the baseline's: median

  bool empty() const { return items.empty(); }
};

/// A time is judged against the baseline's times the pace, the median of now / before over all cases that pass in both:
/// machines differ, and are shared. It is slower beyond both the factor and the floor. Measured on two cores under a
/// load of 4, 425 runs of three cases: short ones took up to 11 times their median, 0.07 s beyond it; a long one (0.74
/// s) up to 0.28 s beyond its median, 1.4 times. None was beyond both. With fewer cases than a pace needs no time is
/// judged.
inline constexpr double kSlowerFactor = 3.0;
inline constexpr double kSlowerFloorSeconds = 0.25;
inline constexpr std::size_t kFewestTimed = 5;

/// How far max z, which is the largest of M * N about normal numbers, may rise when the roundings are drawn anew
/// (another order of summation; the same kernel on a CPU gives the same bits). Over 100 seeds of one shape, M=1 to 64
/// and N=64 and 512 at K=128 and 512, fp16 and bf16, its whole span was at most 2.42.
inline constexpr double kMaxZRise = 2.5;

/// By which factor NRMSE may rise likewise: a mean over `outputs` squares has a relative deviation that goes down with
/// their root. The widest max / min over the same 100 seeds, next to this: 2.70 at 64 outputs (2.75), 1.37 at 512
/// (1.78), 1.15 at 8192 (1.38), 1.10 at 32768 (1.32).
double nrmse_rise(double outputs);

/// Whether the error of a pass is larger than that of another one, beyond the noise. False where one is no pass.
bool is_less_accurate(const Record& now, const Record& before);

/// `today`: YYYY-MM-DD. A known failure may fail up to and on the day it expires. One known as flaky may also pass or
/// fail in all its runs. Times and accuracy are compared where both pass. Cases missing because
/// of sharding or selection are not reported as gone.
/// Throws InputError when the baseline is of another set or shard, breaks check_baseline(), or a date is invalid.
News news_of(const Results& now, const Results& before, std::string_view today);

/// "fail, known until 2026-12-31: issue 12".
std::string known_text(std::string_view outcome, const Known& known);

/// One line per item; empty without news.
std::string text_of(const News& news);

}  // namespace w4::cases::matrix
