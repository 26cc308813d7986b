// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/packed.h"

#include <cstddef>
#include <string>
#include <vector>

namespace w4::cases::packed {

/// What one repacking stage does instead of its definition, solved from packed tensors.
struct PackedWay {
  StageId stage;
  std::string fault;         // the catalogue's name, "like NAME: codes + 1, clipped at 15", or a formula
  std::string variant = {};  // of a known way; empty: it is none
  std::vector<std::string> evidence = {};
  std::string undo = {};  // NumPy on B, scales, zeros, perm; empty: these tensors cannot be put right by themselves
};

/// Ways of the stages behind one tensor, or several.
using PackedWays = std::vector<PackedWay>;

/// Codes of a layer that takes seconds to repack: ways that cost another repack are left out where one fits already.
inline constexpr std::size_t kLargeLayer = std::size_t{1} << 23;

/// The first of NumPy's lines that take words apart and put them together again.
inline constexpr const char* kNibbles =
    "s = np.arange(0, 32, 4, dtype=np.uint32); nib = lambda w: w.view(np.uint32)[..., None] >> s & 15; "
    "word = lambda c: (c.astype(np.uint32) << s).sum(-1, dtype=np.uint32).view(np.int32); ";

/// A permutation as NumPy: "np.arange(64) % 8 * 8 + np.arange(64) // 8" where it has a formula, otherwise a list.
std::string numpy_of(const std::vector<int>& order);

/// How many different stages some ways belong to.
std::size_t stages_in(const PackedWays& ways);

}  // namespace w4::cases::packed
