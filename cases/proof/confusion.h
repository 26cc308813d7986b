// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/faults/faults.h"
#include "cases/probe/box.h"
#include "cases/proof/proof_cases.h"

#include <functional>
#include <string>
#include <vector>

namespace w4::cases::proof {

/// The outcome of bisect on a black box with planted faults.
enum class TrialOutcome {
  named,           // every planted fault, and nothing else
  class_named,     // as a class of faults that no probe tells apart
  hidden,          // of two: the other fault alone predicts every answer bit for bit, so this one does not show
  invisible,       // every answer is right
  not_applicable,  // the fault does not exist for this layer
  unexplained,     // seen but not named
  wrong_name,      // a healthy stage is accused
};
std::string_view name_of(TrialOutcome outcome);
char letter_of(TrialOutcome outcome);  // N C h - / ? X

/// Known faults of different stages, planted together; usually one.
using Planted = std::vector<const faults::Fault*>;

struct Trial {
  const ProofCase* of = nullptr;
  Planted planted;
  TrialOutcome outcome = TrialOutcome::invisible;
  int launches = 0;
  std::vector<std::string> probes;  // that showed it
  std::string said;                 // "scale-perm-missing in scale_order"
};

/// Makes the box with planted faults: our own path, or a hidden repack in front of the user's kernel.
using MakeBox = std::function<std::unique_ptr<probe::Box>(const repack::Recipe&)>;
std::unique_ptr<probe::Box> box_of_path(const repack::Recipe& recipe);

/// One trial: a box with these faults, bisected as any other.
Trial try_planted(const ProofCase& proof_case, const Planted& planted, const MakeBox& make_box = box_of_path);

/// Every known fault alone.
std::vector<Planted> single_faults();

/// The trials of a case.
using Task = std::pair<const ProofCase*, Planted>;
std::vector<Task> singles_in(const std::vector<ProofCase>& proof_cases);
/// Every pair of faults of different stages that both show alone in a case. `singles`: the trials of singles_in().
/// `stride`: try every stride-th pair.
std::vector<Task> pairs_in(const std::vector<ProofCase>& proof_cases, const std::vector<Trial>& singles, int stride);

/// Runs all trials of a list, on all cores; results in the order of the list. `done` receives the number finished and
/// the total.
std::vector<Trial> try_all(const std::vector<Task>& tasks, const std::function<void(int, int)>& done);

/// The faults of the repack in front of a kernel, one by one, and healthy cases on it. `kernel`: the value of --kernel.
std::vector<Trial> try_on_kernel(kernel::child::ForeignKernel& kernel, const std::string& spec,
                                 const std::function<void(int, int)>& done);
std::vector<std::string> accused_on_kernel(kernel::child::ForeignKernel& kernel, const std::string& spec, int count,
                                           const std::function<void(int, int)>& done);

/// Random layers and activations without a fault: those that were accused, with their case.
std::vector<std::string> accused_healthy(int count, const std::function<void(int, int)>& done);

}  // namespace w4::cases::proof
