// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "cases/report/report.h"
#include "repack/packed.h"

#include <vector>

namespace w4::cases::packed {

/// The stages that made packed tensors wrong, and a line for each of the fourteen.
struct PackedFinding {
  std::vector<report::Culprit> culprits;
  std::vector<report::StageLine> stages;
};

/// `seen` are tensors that mean other weights than `right`, which the layer becomes. The finding is the smallest set of
/// stages that makes them in every bit: a known fault, a way that is solved for, two known faults, several ways.
/// `options` are those of the command that repeats it.
PackedFinding find_packed(const fixtures::Layer& layer, const repack::Packed& seen, const repack::Packed& right,
                          const Options& options);

}  // namespace w4::cases::packed
