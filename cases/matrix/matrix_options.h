// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/pool.h"
#include "cases/matrix/selection.h"

#include <optional>
#include <string>
#include <vector>

namespace w4::cases::matrix {

/// Files that a result is written to, or compared with; empty: not asked for.
struct ReportFiles {
  std::string junit, markdown, html;
  std::string baseline;
};

/// `matrix SET [options]`.
struct MatrixOptions {
  Selection selection;
  RunPlan plan;
  Budget budget;
  bool list = false;
  bool fresh = false;
  bool quiet = false;
  int shard = 1, shards = 1;
  std::string results;
  ReportFiles reports;
};

/// `matrix merge OUT IN...`, `matrix report RESULTS` and `matrix baseline RESULTS OUT`.
struct JoinOptions {
  std::string out;  // empty: none
  std::vector<std::string> in;
  ReportFiles reports;
};
struct KnownFailure {
  std::string glob, reason, expires;
};
struct BaselineOptions {
  std::string in, out;
  std::vector<KnownFailure> known;
};

/// `matrix compare A B [SET] [options]`: A and B are results (.jsonl) or kernels.
struct CompareOptions {
  std::string a, b;
  MatrixOptions run;           // of the kernels
  std::string json, markdown;  // files; empty: not asked for. json "-": standard output, instead of the text
};

/// Whether a word of `matrix compare` is a result's file, and no kernel.
inline bool is_result(const std::string& word) { return word.ends_with(".jsonl"); }

/// They throw InputError, and print the help and exit with 0 for --help.
MatrixOptions parse_matrix(int argc, char** argv);
JoinOptions parse_merge(int argc, char** argv);
JoinOptions parse_report(int argc, char** argv);
BaselineOptions parse_baseline(int argc, char** argv);
CompareOptions parse_compare(int argc, char** argv);

/// The GPU that CTest's resource specification gives this process, as CUDA_VISIBLE_DEVICES names it: CTest sets
/// CTEST_RESOURCE_GROUP_0_GPUS="id:3,slots:1". None outside CTest, or without a specification.
std::optional<std::string> gpu_given_by_ctest();

}  // namespace w4::cases::matrix
