// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/prepare.h"
#include "cases/probe/box.h"

#include <string>
#include <vector>

namespace w4::cases::probe {

/// What a probe is for, as reports say it.
struct ProbeKind {
  const char* id;
  const char* sees;   // what its output shows
  const char* blind;  // what it cannot see
};

/// A launch whose inputs are chosen so that the output answers one question.
struct Probe {
  const ProbeKind* kind = nullptr;
  Question question;
  bool exact_sums =
      false;  // small integers: sums that the type holds are exact in any order, so any difference is an error
};

/// Every kind of probe, in the order in which they are made.
std::span<const ProbeKind> probe_kinds();
const ProbeKind& probe_kind(std::string_view id);

/// The case itself, a launch each: the failure that a recipe has to explain.
std::vector<Probe> case_probes(const Prepared& prepared, const kernel::Launch& launch, int launches);

/// The case with zeros in C before the launch: an output that seems unwritten may have been added onto the fill.
Probe filled_probe(const Prepared& prepared, const kernel::Launch& launch);

/// Launches with as many rows of A as the case has, one or a few for each: the codes alone (scales 1, zero points 8),
/// the scales alone (codes 9), the zero points alone (codes 8, scales 1; of a symmetric layer the stored ones, which it
/// must not feel), the bias alone (activations of zero). Codes, scales and zero points are random small integers and a
/// row of A has some ones and minus ones, so sums are exact, whatever order they are taken in: answers are equal in
/// every bit or wrong.
std::vector<Probe> part_probes(const Prepared& prepared, const kernel::Launch& launch);

/// The layer with codes 9, zero points 8, scales 1 and a bias of 0: every weight is 1, without rounding.
std::shared_ptr<const fixtures::Layer> unit_layer(const fixtures::Layer& layer);

/// The layer with each scale replaced by the nearest power of two: no product with a scale rounds.
std::shared_ptr<const fixtures::Layer> power_scaled_layer(const fixtures::Layer& layer);

/// Rows first..first+rows-1 of the identity (K, K); rows from K on are zero.
Grid<std::uint16_t> identity_rows(int first, int rows, int K, DType dtype);

}  // namespace w4::cases::probe
