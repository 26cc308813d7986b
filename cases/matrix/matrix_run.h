// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/matrix_options.h"
#include "cases/matrix/record.h"

#include <string>

namespace w4::cases::matrix {

/// What a run brought, and what kept it from being written as it came (empty: nothing).
struct MatrixRun {
  Results results;
  std::string not_written;
};

/// Runs what of the selection and shard is not in the results file yet; at the end that file has the order of the set.
/// `program` is this executable, for its workers. Where the file cannot be written, the cases finish all the same.
/// Throws InputError.
MatrixRun run_matrix(const MatrixOptions& options, const std::string& program);

/// What did not pass, with what bisect found, and the counts: "matrix ci    112 pass, 1 fail".
std::string summary_of(const Results& results);

/// 1 something is red, 125 nothing could be run, otherwise 0.
int exit_code_of(const Results& results);

}  // namespace w4::cases::matrix
