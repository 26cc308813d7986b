// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/faults/faults.h"
#include "cases/probe/box.h"
#include "cases/proof/proof_cases.h"

#include <functional>
#include <string>
#include <vector>

namespace w4::cases::proof {

/// What bisect said of a black box in which something was planted.
enum class TrialOutcome {
  named,           // every planted fault, and nothing else
  class_named,     // the same, in a class that no probe tells apart
  hidden,          // in twos: the other one alone predicts every answer in every bit, so this one does not show
  invisible,       // every answer is the right one
  not_applicable,  // this way cannot be done to this layer
  unexplained,     // planted, seen, and not named
  wrong_name,      // a stage is accused in which nothing was planted
};
std::string_view name_of(TrialOutcome outcome);
char letter_of(TrialOutcome outcome);  // N C h - / ? X

/// Known faults of different stages, planted together; one alone most often.
using Planted = std::vector<const faults::Fault*>;

struct Trial {
  const ProofCase* of = nullptr;
  Planted planted;
  TrialOutcome outcome = TrialOutcome::invisible;
  int launches = 0;
  std::vector<std::string> probes;  // that showed it
  std::string said;                 // "scale-perm-missing in scale_order"
};

/// Makes the box in which something is planted: our own path, or a hidden repack in front of somebody's kernel.
using MakeBox = std::function<std::unique_ptr<probe::Box>(const repack::Recipe&)>;
std::unique_ptr<probe::Box> box_of_path(const repack::Recipe& recipe);

/// One box with these faults, asked as any other.
Trial try_planted(const ProofCase& proof_case, const Planted& planted, const MakeBox& make_box = box_of_path);

/// Every known fault by itself.
std::vector<Planted> single_faults();

/// What is tried in a case.
using Task = std::pair<const ProofCase*, Planted>;
std::vector<Task> singles_in(const std::vector<ProofCase>& proof_cases);
/// Every two faults of different stages that both show by themselves in a case. `singles`: the trials of singles_in().
/// `every`: only each so manieth, for a quick look.
std::vector<Task> pairs_in(const std::vector<ProofCase>& proof_cases, const std::vector<Trial>& singles, int every);

/// All trials of a list, on all cores, in the order of the list. `done` is told how many are finished, and of how many.
std::vector<Trial> try_all(const std::vector<Task>& tasks, const std::function<void(int, int)>& done);

/// The faults of the repack in front of a kernel, one after another; and healthy cases on it. `kernel`: as --kernel has
/// it.
std::vector<Trial> try_on_kernel(kernel::child::ForeignKernel& kernel, const std::string& spec,
                                 const std::function<void(int, int)>& done);
std::vector<std::string> accused_on_kernel(kernel::child::ForeignKernel& kernel, const std::string& spec, int count,
                                           const std::function<void(int, int)>& done);

/// Random layers and activations without a fault: how many were accused, with the case of each.
std::vector<std::string> accused_healthy(int count, const std::function<void(int, int)>& done);

}  // namespace w4::cases::proof
