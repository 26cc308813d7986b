// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/cases/matrix/made_results.h"

namespace w4::cases {

using namespace matrix;

namespace {

std::string rerun_of(const std::string& case_text) { return "./bisect --case " + case_text; }

}  // namespace

std::string case_number(int i) { return "M16_K512_N512_g128_sym_fp16_r_s" + std::to_string(i); }

Record passed(int i, double seconds) {
  return {.case_text = case_number(i),
          .outcome = Outcome::pass,
          .seconds = seconds,
          .error = ErrorFigures{.max_z = 3.5, .rms_z = 0.87, .nrmse = 2.7e-4, .gain = 1},
          .rerun = rerun_of(case_number(i))};
}

Record failed(int i) {
  Record record = ended(i, Outcome::fail, "max z 1e+04, limit 8");
  record.error = ErrorFigures{.max_z = 1e4, .rms_z = 1e3, .nrmse = 0.3, .gain = 0.9};
  record.finding = {{"verdict", "mismatch"},
                    {"culprits",
                     {{{"stage", "scale_order"},
                       {"fault", "scale-perm-missing"},
                       {"evidence", {"the variant reproduces it bit for bit", "no other does"}},
                       {"cure", "permute the scales"},
                       {"rerun", "./bisect --inject scale-perm-missing"}}}}};
  record.pictures = {{"errors", {{"rows", 1}, {"cols", 1}, {"levels", {"7"}}}}};
  return record;
}

Record ended(int i, Outcome outcome, const std::string& reason) {
  return {.case_text = case_number(i),
          .outcome = outcome,
          .reason = reason,
          .seconds = 0.1,
          .rerun = rerun_of(case_number(i))};
}

Record known(Record record, const std::string& expires) {
  record.known = Known{.reason = "issue 12", .expires = expires};
  return record;
}

Results result_of(std::vector<Record> records) {
  const std::size_t cases = records.size();
  return {.heading = {.set = "ci", .cases = cases}, .records = std::move(records)};
}

Results shard_of(const Results& whole, int shard, int shards) {
  Results part{.heading = whole.heading, .records = {}};
  part.heading.shard = shard;
  part.heading.shards = shards;
  const auto step = static_cast<std::size_t>(shards);
  for (std::size_t i = static_cast<std::size_t>(shard) - 1; i < whole.records.size(); i += step)
    part.records.push_back(whole.records[i]);
  return part;
}

}  // namespace w4::cases
