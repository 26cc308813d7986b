// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "fixtures/random/random_layer.h"

#include <string>
#include <vector>

namespace w4::cases {

/// A case made ready: the layer under test and its activations.
struct Prepared {
  CaseId id;
  std::string fixture;             // the path, or "random"
  fixtures::Layer layer;           // dtype, groups, codes and scales as the case says
  Grid<std::uint16_t> A;           // (M, K), bits of layer.dtype
  std::vector<std::string> notes;  // inferred, converted, and at what cost
};

/// The random layer that a case of mode r is.
fixtures::random::RandomSpec spec_of(const CaseId& id);

/// The case for a kernel that takes no bias.
Prepared without_bias(Prepared prepared);

/// That case, M and K, N of the layer itself: its slices are not cut. Activations are multiplied by 2^magnitude.
Prepared random_case(const CaseId& id, int magnitude);

/// The folder of a layer that is shipped: "up".
std::filesystem::path shipped_fixture(const std::string& name);

/// The file or folder of the fixture: the shipped layer's where none is named, the cached one's for hf:REPO,
/// which is fetched first and may take as long as the network does.
std::filesystem::path fixture_path(const CaseRequest& request);

/// Reads or makes the layer, takes codes and scales from it or from the seed, brings it to the group and type asked
/// for. Throws InputError for what contradicts itself.
Prepared prepare(const CaseRequest& request);

}  // namespace w4::cases
