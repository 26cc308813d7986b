// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/case/prepare.h"

#include <string>
#include <vector>

namespace w4::cases::proof {

/// A case of the proof: a command line of bisect.
struct ProofCase {
  std::string name;  // one letter, the column of a table
  std::string command;
  Options options;
  Prepared prepared;
};

/// "b 128", "--case M1_K512_..."; shipped fixtures by the name of their folder.
ProofCase proof_case_of(const std::string& command, const std::string& name = "");

/// Cases of various shapes, groups, symmetry, act-order, M, types and formats: each fault shows in several.
const std::vector<ProofCase>& single_cases();
/// Three small cases, for pairs of faults.
const std::vector<ProofCase>& pair_cases();

}  // namespace w4::cases::proof
