// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/judge/rounding_class.h"
#include "kernel/child/open_kernel.h"

#include <span>
#include <vector>

namespace w4::cases::proof {

/// How a right kernel computes: a class of rounding, and what its class leaves open.
struct RoundingWay {
  const char* what;
  judge::RoundingClass rounding;  // count: hand-overs of every column, products of a chain
  enum class Adding { serial, atomic, interleaved } adding = Adding::serial;  // how slices, or chains, are added
  int step = 1;        // products that are added exactly before one rounding in 16 bits, as one mma does
  bool fused = false;  // a product is not rounded before something is added to it
};

/// Ways in which published kernels round.
std::span<const RoundingWay> rounding_ways();

/// C = A W + bias of a task, computed by `way` in fp32 and 16 bits, from its packed tensors.
Grid<std::uint16_t> computed(const RoundingWay& way, const kernel::Task& task);

/// A kernel in this process that computes so. No thread blocks: it is launched as a command is.
class RoundingKernel : public kernel::child::ForeignKernel {
 public:
  explicit RoundingKernel(const RoundingWay& way) : way_(way) {}
  kernel::RunResult run(const kernel::Task& task) override;
  std::string name() const override { return way_.what; }

 private:
  RoundingWay way_;
};

}  // namespace w4::cases::proof
