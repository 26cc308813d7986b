// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/own_path.h"
#include "cases/proof/proof_cases.h"

#include <string>
#include <vector>

namespace w4::cases::proof {

/// A path that is wrong in a way no catalogue has, and what must be said of it.
struct HeldOut {
  std::string what;   // "codes inside a tile: k0 = n3, ..."
  OwnPath subject;    // the path
  std::string stage;  // that must be among those of the culprit
  std::string proof;  // that must stand in its evidence: the planted formula, or the planted line
};

/// Number `number` of the random permutations, affine over the bits of the index: of codes inside a 16 x 64 tile, of
/// rows inside 64, of codes across tiles, and of the columns of scales inside 64.
HeldOut random_permutation(int number);

/// Number `number` of the random misfits: some columns or groups have scales times a factor, or a multiple of their
/// scale added to each weight.
HeldOut random_misfit(int number);

/// Whether bisect says of it what must be said: unexplained, in that stage, with that proof. `said`: what it said.
bool localised(const HeldOut& held_out, const ProofCase& proof_case, std::string& said);

}  // namespace w4::cases::proof
