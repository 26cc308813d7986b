// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repack/stages/stage_id.h"
#include "repack/stages/weights.h"

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace w4::repack {

/// One way to do a stage: the reference, or a known wrong way with its id from the catalogue.
struct Variant {
  std::string_view id;     // "reference", "zp-v1v2-offset", "identity"
  std::string_view fault;  // the catalogue's id; the same as `id` unless one fault has several forms; empty: no fault
  Weights (*apply)(const Weights&);
  std::string_view what;     // what it does wrong, one sentence
  std::string_view cure;     // what to change, one sentence
  std::string_view visible;  // when it can be seen, a clause: "the layer is asymmetric and has a zero point of 0"
};

/// A repacking stage: a pure function from one value of Weights to the next, and the known wrong ways to do it.
struct Stage {
  StageId id;
  std::string_view does;              // "qzeros to z (groups, N)"
  std::span<const Variant> variants;  // the first is the reference
};

/// The eight stages, in order.
std::span<const Stage> stages();

/// One of them; `id` is a repacking stage.
const Stage& stage_of(StageId id);

/// Which variant each stage uses: stage name -> variant id. A stage that is not named uses the reference.
using Recipe = std::map<std::string, std::string, std::less<>>;

/// The named variant of a stage. Throws InputError with the known names (and the nearest) for any other.
const Variant& variant_of(const Stage& stage, std::string_view variant);

}  // namespace w4::repack
