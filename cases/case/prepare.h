// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/options.h"
#include "fixtures/lint/lint.h"
#include "fixtures/random/random_layer.h"

#include <string>
#include <vector>

namespace w4::cases {

/// A prepared case: the layer under test and its activations.
struct Prepared {
  CaseId id;
  std::string fixture;                                // the path, or "random"
  fixtures::Layer layer;                              // with the dtype, groups, codes and scales of the case
  Grid<std::uint16_t> A;                              // (M, K), bits of layer.dtype
  std::vector<std::string> notes;                     // what was inferred or converted, and the cost of that
  std::vector<fixtures::lint::LintLine> doubts = {};  // why this may not be the layer that was meant
  std::string doubt_cure = {};                        // of the first
};

/// The random layer of a case of mode r.
fixtures::random::RandomSpec spec_of(const CaseId& id);

/// The case for a kernel: without the layer's bias where the kernel takes none.
Prepared for_kernel(Prepared prepared, bool takes_bias);

/// The random layer of a case, not cut, and its activations, multiplied by 2^magnitude.
Prepared random_case(const CaseId& id, int magnitude);

/// The folder of a shipped layer, by its name: "up".
std::filesystem::path shipped_fixture(const std::string& name);

/// The file or folder of the fixture: the shipped layer's where none is named. For hf:REPO it is the
/// cached one, which is fetched first, without a time limit.
std::filesystem::path fixture_path(const CaseRequest& request);

/// Whether the layer is a random one, and no file is read.
bool is_random(const CaseRequest& request);

/// Reads or makes the layer, takes codes and scales from it or from the seed, and converts it to the requested group
/// and type. Throws InputError for a request that contradicts itself or the layer.
Prepared prepare(const CaseRequest& request);

/// The same of the layer in a container, one of many: its real codes and scales in its own groups and type, M rows.
Prepared prepare(const fixtures::files::Container& container, const CaseRequest& request);

}  // namespace w4::cases
