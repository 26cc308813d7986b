// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/axes.h"

#include <string>
#include <vector>

namespace w4::cases::matrix {

/// Which cases of which set, as on the command line.
struct Selection {
  std::string set;
  std::vector<std::string> axes = {};   // --axis NAME=VALUES
  std::vector<std::string> globs = {};  // --only GLOB: cases that match one of them
  std::vector<std::string> where = {};  // --where EXPRESSION: cases for which all hold
};

/// The cases of all shards, in the order of the set. Throws InputError for a syntax error, a glob that matches no
/// case and an expression that holds for none: a mistyped selection must not pass.
std::vector<CaseId> selected(const Selection& selection);

/// Shard `shard` (from 1) of `shards`: every shards-th case, so that neighbours, which cost alike, are spread.
std::vector<CaseId> shard_of(const std::vector<CaseId>& cases, int shard, int shards);

}  // namespace w4::cases::matrix
