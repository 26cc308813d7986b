// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/case/own_path.h"
#include "kernel/child/open_kernel.h"

namespace w4::cases::probe {

/// What a black box is asked: C (M, N) = A (M, K) W + bias of this layer.
struct Question {
  std::shared_ptr<const fixtures::Layer> layer;
  Grid<std::uint16_t> A;  // bits of layer->dtype
  kernel::Launch launch;
};

/// A path from layer to output. Only its answers are seen.
class Box {
 public:
  virtual ~Box() = default;

  /// One launch. Throws CannotTest when the box does not take the question.
  kernel::RunResult ask(const Question& question) {
    ++asked_;
    return answer(question);
  }
  int asked() const { return asked_; }

  /// True: the lane model predicts every bit. False: sums may be taken in another order.
  virtual bool sums_as_lane_model() const = 0;
  /// A kernel on a GPU, which takes the thread blocks that a launch names.
  virtual bool on_device() const { return false; }

 private:
  virtual kernel::RunResult answer(const Question& question) = 0;
  int asked_ = 0;
};

/// This program's repack and lane model, done as `subject` does them.
class PathBox final : public Box {
 public:
  explicit PathBox(OwnPath subject) : subject_(std::move(subject)) {}
  bool sums_as_lane_model() const override { return true; }

 private:
  kernel::RunResult answer(const Question& question) override;
  OwnPath subject_;
};

/// The user's kernel, on tensors that our repack makes by `recipe`.
class KernelBox final : public Box {
 public:
  explicit KernelBox(kernel::child::ForeignKernel& kernel, repack::Recipe recipe = {})
      : kernel_(kernel), recipe_(std::move(recipe)) {}
  bool sums_as_lane_model() const override { return false; }
  bool on_device() const override { return kernel_.on_device(); }

 private:
  kernel::RunResult answer(const Question& question) override;
  kernel::child::ForeignKernel& kernel_;
  repack::Recipe recipe_;
  std::shared_ptr<const fixtures::Layer> packed_layer_;  // asked about last
  repack::Packed packed_;
};

}  // namespace w4::cases::probe
