// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/matrix_options.h"
#include "cases/matrix/record.h"

#include <string>

namespace w4::cases::matrix {

/// The results, and the error that kept them from being written as they came (empty: none).
struct MatrixRun {
  Results results;
  std::string not_written;
};

/// Runs the cases of the selection and shard that are not in the results file yet, or were made with another kernel,
/// program or fixture, which is said on stderr; at the end that file has the set's order. `program` is this executable,
/// for its workers. Where the file cannot be written, the cases finish all the same. Throws InputError.
MatrixRun run_matrix(const MatrixOptions& options, const std::string& program);

/// Cases that did not pass, with bisect's findings, and the counts: "matrix ci    112 pass, 1 fail".
std::string summary_of(const Results& results);

/// 1 where something is red, 125 where nothing could be run, otherwise 0.
int exit_code_of(const Results& results);

}  // namespace w4::cases::matrix
