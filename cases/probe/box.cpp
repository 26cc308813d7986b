// SPDX-License-Identifier: Apache-2.0
#include "cases/probe/box.h"

namespace w4::cases::probe {

kernel::RunResult PathBox::answer(const Question& question) {
  repack::Weights value = repack::weights_of(*question.layer);
  for (const StageId stage : kRepackingStages) value = subject_.stage(stage, value);
  return subject_.run({.A = question.A, .packed = repack::packed_of(value), .launch = question.launch});
}

kernel::RunResult KernelBox::answer(const Question& question) {
  if (packed_layer_ != question.layer) {
    packed_ = repack::repack(*question.layer, recipe_);
    packed_layer_ = question.layer;
  }
  return kernel_.run({.A = question.A, .packed = packed_, .launch = question.launch, .stored = question.layer});
}

}  // namespace w4::cases::probe
