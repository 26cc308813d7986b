// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/own_path.h"
#include "cases/search/repack_search.h"

#include <string>

namespace w4::cases::matrix {

/// Our own path through one layer, with whatever is planted in it, as a case of the matrix runs it: once, without a
/// search. What bisect calls a mismatch is one here.
class OwnPath {
 public:
  /// Takes the layer, which it keeps a reference to, through the repacking stages.
  OwnPath(const repack::Recipe& planted, const fixtures::Layer& layer);

  /// What the stages made of it.
  const repack::Weights& last() const { return walk_.last; }

  kernel::RunResult run(const kernel::Task& task) const { return subject_.run(task); }

  /// What is wrong although the output of `seen`, a run of the task, is within the bound; empty: nothing. A stage that
  /// does not make what its definition says, zero points that a symmetric layer feels, another kernel than the
  /// known-good one, and launches (`repeat` of them) that differ.
  std::string wrong_beside_output(const kernel::Task& task, const kernel::RunResult& seen, int repeat) const;

 private:
  std::string wrong_in_kernel(kernel::Task task, const kernel::RunResult& seen, int repeat) const;

  repack::Recipe planted_;
  const fixtures::Layer& layer_;
  cases::OwnPath subject_;
  search::RepackWalk walk_;
};

}  // namespace w4::cases::matrix
