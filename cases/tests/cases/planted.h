// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace w4::test {

/// A fault and a command on which it shows: "b 128", "r -1 --shape 400,256".
struct Planted {
  const char* inject;
  const char* fault;  // the id a finding must carry
  const char* stage;
  const char* command;
};

/// Every fault bisect must name on the CPU, each on the plainest case that shows it.
inline const std::vector<Planted> kPlanted = {
    {"zp-v1v2-offset", "zp-v1v2-offset", "zero_points", "b 128"},
    {"zp-nibble-wrap", "zp-nibble-wrap", "zero_points", "r 128 --fixture up_asym_act"},
    {"zp-clamped-folded", "zp-clamped-folded", "zero_points", "r 128 --fixture up_asym_act"},
    {"sym-consumes-qzeros", "sym-consumes-qzeros", "zero_points", "b 128"},
    {"qzeros-transposed", "qzeros-transposed", "zero_points", "b 128 --fixture up_asym_act"},
    {"code-twos-complement", "code-twos-complement", "codes", "b 128"},
    {"nibble-spill", "nibble-spill", "codes", "b 128"},
    {"nibble-order-awq-gptq", "nibble-order-awq-gptq", "codes", "b 128"},
    {"pack-axis-kn", "pack-axis-kn", "codes", "b 128"},
    {"nibble-split-vs-interleave", "nibble-split-vs-interleave", "codes", "b 128"},
    {"group-size-misinferred", "group-size-misinferred", "checkpoint", "b 128"},
    {"double-transform", "double-transform", "checkpoint", "b 128"},
    {"config-flag-lost", "config-flag-lost", "checkpoint", "b 128"},
    {"fused-concat-axis:concat-axis", "fused-concat-axis", "checkpoint", "b 128"},
    {"fused-concat-axis:concat-order", "fused-concat-axis", "checkpoint", "b 128"},
    {"tp-shard-splits-group", "tp-shard-splits-group", "checkpoint", "b 128 --slice rows:1/2"},
    {"tp-channelwise-null-scale", "tp-channelwise-null-scale", "checkpoint", "b -1 --slice rows:1/2"},
    {"actorder-tp-scales", "actorder-tp-scales", "checkpoint", "r 32 --fixture up_asym_act --slice rows:1/2"},
    {"gidx-shard-length", "gidx-shard-length", "checkpoint", "r 32 --fixture up_asym_act --slice rows:1/2"},
    {"actorder-expert-offset", "actorder-expert-offset", "checkpoint",
     "r 32 --fixture up_asym_act --slice expert:1/2 --slice rows:1/2"},
    {"moe-routing-index", "moe-routing-index", "checkpoint", "b 128 --slice expert:1/4"},
    {"gidx-ignored", "gidx-ignored", "act_order", "b 128 --fixture up_asym_act"},
    {"gidx-dummy-zero", "gidx-dummy-zero", "act_order", "b 128"},
    {"gidx-out-of-range", "gidx-out-of-range", "act_order", "b 128"},
    {"perm-a-missing", "perm-a-missing", "act_order", "b 128 --fixture up_asym_act"},
    {"perm-a-inverse", "perm-a-inverse", "act_order", "b 128 --fixture up_asym_act"},
    {"scale-dtype-reinterpret", "scale-dtype-reinterpret", "scales", "b 128"},
    {"scale-exponent-bias", "scale-exponent-bias", "scales", "b 128"},
    {"scales-averaged", "scales-averaged", "scales", "b 128"},
    {"pad-nonzero-leak", "pad-nonzero-leak", "", "r 32 --shape 96,160"},
    {"scale-perm-missing", "scale-perm-missing", "scale_order", "b 128"},
    {"scale-perm-single-vs-grouped", "scale-perm-single-vs-grouped", "scale_order", "b 128"},
    {"zp-perm-no-interleave", "zp-perm-no-interleave", "scale_order", "b 128 --fixture up_asym_act"},
    {"zp-perm-missing:natural", "zp-perm-missing", "scale_order", "b 128 --fixture up_asym_act"},
    {"zp-perm-missing:interleaved", "zp-perm-missing", "scale_order", "b 128 --fixture up_asym_act"},
    {"repack-transpose", "repack-transpose", "tiles", "b 128"},
    {"tile-order-swap", "tile-order-swap", "tiles", "b 128"},
    {"perm1024-partial:identity", "perm1024-partial", "fragments", "b 128"},
    {"perm1024-partial:interleave-only", "perm1024-partial", "fragments", "b 128"},
    {"perm1024-partial:no-interleave", "perm1024-partial", "fragments", "b 128"},
    {"perm-applied-twice", "perm-applied-twice", "fragments", "b 128"},
    {"layout-variant-arch", "layout-variant-arch", "fragments", "b 128"},
    {"repack-tail-unwritten", "repack-tail-unwritten", "fragments", "r -1 --shape 400,256"},
    {"instantiation-missing-rc-ignored", "instantiation-missing-rc-ignored", "launch", "b 128"},
    {"grid-or-sms-invalid", "grid-or-sms-invalid", "launch", "b 128"},
    {"output-to-temporary", "output-to-temporary", "launch", "b 128"},
    {"l2-hint-illegal", "l2-hint-illegal", "launch", "b 128 --m 16"},
    {"wrapper-shape-check-dead", "wrapper-shape-check-dead", "launch", "r 128 --shape 384,192"},
    {"scale-ring-refill", "scale-ring-refill", "pipeline", "b 128 --block-tile 64x256"},
    {"zp-double-bias8", "zp-double-bias8", "dequant", "b 128 --fixture up_asym_act"},
    {"zp-float-sign", "zp-float-sign", "dequant", "b 128 --fixture up_asym_act"},
    {"zp-noninteger", "zp-noninteger", "dequant", "b 128"},
    {"small-group-tile-stale", "small-group-tile-stale", "pipeline", "b 32"},
    {"scale-extent-large-k", "scale-extent-large-k", "pipeline", "r 32 --shape 2048,256"},
    {"tile-pointer-wrap", "tile-pointer-wrap", "pipeline", "b 128"},
    {"tile-loop-bound", "tile-loop-bound", "pipeline", "r 128 --shape 384,192"},
    {"k-tail-dropped", "k-tail-dropped", "pipeline", "b 128"},
    {"actorder-last-slice-oob", "actorder-last-slice-oob", "pipeline", "b 128 --fixture up_asym_act"},
    {"thread-config-broken", "thread-config-broken", "pipeline", "r 128 --shape 256,128 --m 300"},
    {"a-stride-alignment", "a-stride-alignment", "pipeline", "b 128"},
    {"temp-buffer-overrun", "temp-buffer-overrun", "pipeline", "b 128 --fixture up_asym_act"},
    {"pad-nan-propagation", "pad-nan-propagation", "pipeline", "r 32 --shape 96,160"},
    {"fp16-accumulate-overflow", "fp16-accumulate-overflow", "multiply", "b 128"},
    {"lock-workspace-dirty", "lock-workspace-dirty", "reduce", "b 128"},
    {"output-not-zeroed-atomic", "output-not-zeroed-atomic", "reduce", "b 128"},
    {"lowprec-partial-reduce", "lowprec-partial-reduce", "reduce", "b 128"},
    {"writeout-race", "writeout-race", "reduce", "b 128"},
    {"bias-double", "bias-double", "epilogue", "b 128"},
    {"bias-one", "bias-one", "epilogue", "b 128"},
    {"bias-missing", "bias-missing", "epilogue", "b 128"},
    {"bias-permuted-raw-add", "bias-permuted-raw-add", "epilogue", "b 128"},
    {"bias-perm-missing", "bias-perm-missing", "epilogue", "b 128"},
    {"epilogue-cast-order", "epilogue-cast-order", "epilogue", "b -1"},
    {"scale-not-passed-variant", "scale-not-passed-variant", "epilogue", "b -1"},
};

}  // namespace w4::test
