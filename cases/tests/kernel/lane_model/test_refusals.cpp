// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/kernel/lane_model/known_layer.h"
#include "fixtures/error.h"
#include "kernel/lane_model/recipe.h"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace w4;
using namespace w4::tests;

kernel::Task good_task() {
  return task_of(known_layer({.M = 2, .K = 128, .N = 128, .group_size = 64, .act_order = true, .bias = true}));
}

template <class Change>
std::string refusal_of(const Change& change) {
  kernel::Task task = good_task();
  change(task);
  try {
    kernel::lane_model::run_lane_model(task);
  } catch (const CannotTest& error) {
    return error.what();
  }
  return "not refused";
}

std::string complaint_about(const repack::Recipe& recipe) {
  try {
    kernel::lane_model::run_lane_model(good_task(), recipe);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("launch: a launch the kernel does not have is refused with its values") {
  CHECK(kernel::lane_model::run_lane_model(good_task()).ran());
  CHECK(refusal_of([](auto& t) {
          t.launch.block_tile = {64, 128};
        }) == "block_tile 64x128: the kernel has 128x128 and 64x256");
  CHECK(refusal_of([](auto& t) { t.launch.thread_blocks = 0; }) == "thread_blocks=0: at least 1 is needed");
  CHECK(refusal_of([](auto& t) { t.launch.reduce_bits = 8; }) ==
        "reduce_bits=8: partial sums are handed over in 16 or 32 bits");
  CHECK(refusal_of([](auto& t) {
          t.launch.block_tile = {128, 128};
          t.launch.workspace = {};
          t.A = Grid<std::uint16_t>(65, 128, std::vector<std::uint16_t>(65 * 128));
          t.launch.workspace.resize(1);
        }) == "the workspace has 1 locks, 2 are needed");
}

TEST_CASE("launch: a shape the kernel does not take is refused with its values") {
  CHECK(refusal_of([](auto& t) { t.packed.N = 96; }) == "K=128 N=96: the kernel takes multiples of 64 and 64");
  CHECK(refusal_of([](auto& t) { t.packed.group_size = 16; }) ==
        "group_size=16 with K=128: the kernel takes 32, 64, 128 and K");
  CHECK(refusal_of([](auto& t) { t.packed.dtype = DType::fp32; }) ==
        "dtype fp32: the kernel takes float16 and bfloat16");
  CHECK(refusal_of([](auto& t) { t.packed.stored_N = 129; }) ==
        "stored K=128 N=129 does not lie inside packed K=128 N=128");
}

TEST_CASE("launch: tensors that do not fit are refused with both shapes") {
  CHECK(refusal_of([](auto& t) {
          t.A = Grid<std::uint16_t>(1, 2, {0, 0});
        }) == "A is (1, 2), the kernel reads (M, 128) with M at least 1");
  CHECK(refusal_of([](auto& t) { t.packed.scales = Grid<std::uint16_t>(1, 1, {0}); }) ==
        "scales is (1, 1), the kernel reads (2, 128)");
  CHECK(refusal_of([](auto& t) { t.packed.words = {}; }) == "words is (0, 0), the kernel reads (8, 256)");
  CHECK(refusal_of([](auto& t) { t.packed.zeros = Grid<std::uint32_t>(1, 1, {0}); }) ==
        "zeros is (1, 1), the kernel reads (2, 16)");
  CHECK(refusal_of([](auto& t) { t.packed.bias = Grid<std::uint16_t>(1, 1, {0}); }) ==
        "bias is (1, 1), the kernel reads (1, 128)");
  CHECK(refusal_of([](auto& t) {
          std::vector<std::int32_t> perm(128);
          perm[7] = 128;
          t.packed.perm = Grid<std::int32_t>(1, 128, perm);
        }) == "perm holds 128, A has columns 0..127");
}

TEST_CASE("recipe: unknown stages and variants are named with what was meant") {
  CHECK(complaint_about({{"reduce", "writeout-rase"}})
            .starts_with(
                "stage reduce has no variant \"writeout-rase\"; did you mean \"writeout-race\"? (known: reference,"));
  CHECK(complaint_about({{"epilog", "bias-missing"}})
            .starts_with("there is no stage \"epilog\"; did you mean \"epilogue\"? (known: checkpoint, codes,"));
  CHECK(complaint_about({{"epilogue", "reference"}}) == "accepted");
}

TEST_CASE("recipe: what is said of repacking stages is not the kernel's business") {
  CHECK(complaint_about({{"codes", "anything at all"}}) == "accepted");
}

TEST_CASE("recipe: a variant's place in its stage is its way") {
  using namespace kernel;
  const auto id = [](const auto& variants, auto way) { return variants[static_cast<std::size_t>(way)].id; };
  CHECK(id(kernel::lane_model::launch_variants(), lane_model::LaunchWay::instantiation_missing) ==
        "instantiation-missing-rc-ignored");
  CHECK(id(kernel::lane_model::launch_variants(), lane_model::LaunchWay::grid_invalid) == "grid-or-sms-invalid");
  CHECK(id(kernel::lane_model::launch_variants(), lane_model::LaunchWay::output_to_temporary) == "output-to-temporary");
  CHECK(id(kernel::lane_model::launch_variants(), lane_model::LaunchWay::l2_hint_illegal) == "l2-hint-illegal");
  CHECK(id(kernel::lane_model::launch_variants(), lane_model::LaunchWay::shape_check_dead) ==
        "wrapper-shape-check-dead");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::small_group_tile_stale) ==
        "small-group-tile-stale");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::scale_extent_large_k) ==
        "scale-extent-large-k");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::tile_pointer_wrap) == "tile-pointer-wrap");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::tile_loop_bound) == "tile-loop-bound");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::k_tail_dropped) == "k-tail-dropped");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::order_read_outside) ==
        "actorder-last-slice-oob");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::config_broken) == "thread-config-broken");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::a_stride_ignored) == "a-stride-alignment");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::order_buffer_overrun) ==
        "temp-buffer-overrun");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::padding_of_a_nan) ==
        "pad-nan-propagation");
  CHECK(id(kernel::lane_model::dequant_variants(), lane_model::DequantWay::zp_float_sign) == "zp-float-sign");
  CHECK(id(kernel::lane_model::dequant_variants(), lane_model::DequantWay::zp_noninteger) == "zp-noninteger");
  CHECK(id(kernel::lane_model::dequant_variants(), lane_model::DequantWay::zp_double_bias8) == "zp-double-bias8");
  CHECK(id(kernel::lane_model::multiply_variants(), lane_model::MultiplyWay::fp16_accumulate) ==
        "fp16-accumulate-overflow");
  CHECK(id(kernel::lane_model::reduce_variants(), lane_model::ReduceWay::lock_workspace_dirty) ==
        "lock-workspace-dirty");
  CHECK(id(kernel::lane_model::reduce_variants(), lane_model::ReduceWay::output_not_zeroed_atomic) ==
        "output-not-zeroed-atomic");
  CHECK(id(kernel::lane_model::reduce_variants(), lane_model::ReduceWay::lowprec_partial) == "lowprec-partial-reduce");
  CHECK(id(kernel::lane_model::reduce_variants(), lane_model::ReduceWay::writeout_race) == "writeout-race");
  CHECK(id(kernel::lane_model::epilogue_variants(), lane_model::EpilogueWay::bias_double) == "bias-double");
  CHECK(id(kernel::lane_model::epilogue_variants(), lane_model::EpilogueWay::bias_one) == "bias-one");
  CHECK(id(kernel::lane_model::epilogue_variants(), lane_model::EpilogueWay::cast_before_scale) ==
        "epilogue-cast-order");
  CHECK(id(kernel::lane_model::epilogue_variants(), lane_model::EpilogueWay::scale_not_passed) ==
        "scale-not-passed-variant");
  CHECK(id(kernel::lane_model::epilogue_variants(), lane_model::EpilogueWay::bias_missing) == "bias-missing");
  CHECK(id(kernel::lane_model::epilogue_variants(), lane_model::EpilogueWay::bias_permuted_raw_add) ==
        "bias-permuted-raw-add");
  CHECK(id(kernel::lane_model::epilogue_variants(), lane_model::EpilogueWay::bias_perm_missing) == "bias-perm-missing");
  CHECK(id(kernel::lane_model::pipeline_variants(), lane_model::PipelineWay::scale_ring_refill) == "scale-ring-refill");
  std::size_t variants = 0;
  for (const kernel::lane_model::Stage& stage : lane_model::stages()) {
    CHECK(stage.variants[0].id == "reference");
    for (const kernel::lane_model::Variant& variant : stage.variants.subspan(1)) {
      CHECK(variant.fault == variant.id);
      CHECK_FALSE(variant.what.empty());
      CHECK_FALSE(variant.cure.empty());
      CHECK_FALSE(variant.visible.empty());
      ++variants;
    }
  }
  CHECK(variants == 31);
}
