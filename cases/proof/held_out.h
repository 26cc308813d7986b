// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/own_path.h"
#include "cases/proof/proof_cases.h"

#include <string>

namespace w4::cases::proof {

/// A path with a fault that is not in the catalogue, and what bisect must say of it.
struct HeldOut {
  std::string what;   // "codes inside a tile: k0 = n3, ..."
  OwnPath subject;    // the path
  std::string stage;  // one of the culprit's stages must be this one
  std::string proof;  // its evidence must contain this: the planted formula or line
};

/// Random permutation `number`, affine over the bits of the index: of codes inside a 16 x 64 tile, rows inside 64,
/// codes across tiles, or columns of scales inside 64.
HeldOut random_permutation(int number);

/// Random misfit `number`: in some columns or groups, scales times a factor, or a multiple of the scale added to each
/// weight.
HeldOut random_misfit(int number);

/// Whether bisect reports it as unexplained, in that stage, with that proof. `said`: its answer.
bool localised(const HeldOut& held_out, const ProofCase& proof_case, std::string& said);

}  // namespace w4::cases::proof
