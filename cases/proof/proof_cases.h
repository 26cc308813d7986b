// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/case/prepare.h"

#include <string>
#include <vector>

namespace w4::cases::proof {

/// A case of the proof, as the command line of bisect writes it.
struct ProofCase {
  std::string name;  // one letter, the column of a table
  std::string command;
  Options options;
  Prepared prepared;
};

/// "b 128", "--case M1_K512_...": shipped fixtures go by their folder's name.
ProofCase proof_case_of(const std::string& command, const std::string& name = "");

/// Cases that differ in shape, group, symmetry, act-order, M, type and format, so that each fault shows in several.
const std::vector<ProofCase>& single_cases();
/// Three small ones, for faults in twos.
const std::vector<ProofCase>& pair_cases();

}  // namespace w4::cases::proof
