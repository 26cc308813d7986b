// SPDX-License-Identifier: Apache-2.0
#include "kernel/marlin_dispatch.cuh"

namespace w4::kernel {

namespace {

template <template <class, bool, bool> class Rows>
MarlinFacts facts_of() {
  using Largest = Rows<Fp16, true, true>;
  return {.rows = Largest::kRows,
          .columns = Largest::kColumns,
          .threads = Largest::kThreads,
          .shared_bytes = Largest::kSharedBytes,
          .slot_floats = Largest::kSlotFloats};
}

}  // namespace

MarlinFacts marlin_facts(int M) {
  if (M <= 8) return facts_of<Rows8>();
  if (M <= 16) return facts_of<Rows16>();
  if (M <= 32) return facts_of<Rows32>();
  return facts_of<Rows64>();
}

int launch_marlin(const MarlinArgs& args, const MarlinChoice& choice, void* stream) {
  if (choice.M <= 8) return launch_rows8(args, choice, stream);
  if (choice.M <= 16) return launch_rows16(args, choice, stream);
  if (choice.M <= 32) return launch_rows32(args, choice, stream);
  return launch_rows64(args, choice, stream);
}

}  // namespace w4::kernel
