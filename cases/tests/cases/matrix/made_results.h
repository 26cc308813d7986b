// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/record.h"

#include <string>
#include <vector>

namespace w4::cases {

/// The case number `i` of a made-up set: "M16_K512_N512_g128_sym_fp16_r_s<i>".
std::string case_number(int i);

/// Records as a run leaves them: a pass in 0.1 s, a failure with a finding, an outcome without an output.
matrix::Record passed(int i, double seconds = 0.1);
matrix::Record failed(int i);
matrix::Record ended(int i, matrix::Outcome outcome, const std::string& reason);

/// A record of a baseline: it may fail for "issue 12" until that day.
matrix::Record known(matrix::Record record, const std::string& expires = "2026-12-31");

/// A whole result of the set "ci".
matrix::Results result_of(std::vector<matrix::Record> records);

/// Shard i of n of it.
matrix::Results shard_of(const matrix::Results& whole, int shard, int shards);

}  // namespace w4::cases
