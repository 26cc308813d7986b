// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/search/hypotheses.h"
#include "repack/packed.h"

#include <set>
#include <vector>

namespace w4::cases::packed {

bool same_packed(const repack::Packed& a, const repack::Packed& b);

/// Whether tensors that differ mean the same weights, row by stored row: another order of rows inside a group, zero
/// points of 8 written out, an identity perm.
bool same_meaning(const repack::Packed& a, const repack::Packed& b);

/// "18432 of 73728 words differ, scales differ"
std::string packed_difference(const repack::Packed& got, const repack::Packed& want);

/// Whether the reference repack with these faults makes the tensors in every bit.
bool makes(const fixtures::Layer& layer, const search::Hypothesis& hypothesis, const repack::Packed& seen);

/// Known faults on a layer that becomes `right`, tried on packed tensors.
class KnownFaults {
 public:
  KnownFaults(const fixtures::Layer& layer, const repack::Packed& right) : layer_(layer), right_(right) {}

  /// Which faults are tried: all; those that the solver does not know by what they do, from which several tensors
  /// follow, or words of no common permutation; or the ones of several tensors alone.
  enum class Tried { all, unsolved, several_tensors };

  /// Those that make the tensors in every bit, alone.
  std::vector<search::Hypothesis> fits(const repack::Packed& seen, Tried tried);

  /// The same of two at a time, both of which show alone, and one of which the solver does not know. After fits().
  std::vector<search::Hypothesis> pair_fits(const repack::Packed& seen) const;

 private:
  const fixtures::Layer& layer_;
  const repack::Packed& right_;
  std::set<const faults::Fault*> shown_;  // alone they make other tensors than the right ones
};

}  // namespace w4::cases::packed
