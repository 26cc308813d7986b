// SPDX-License-Identifier: Apache-2.0
#include "cases/faults/catalogue.h"

#include "cases/faults/faults.h"
#include "cases/faults/run_faults.h"

#include <algorithm>

namespace w4::cases::faults {
namespace {

constexpr std::string_view kNoFault = "no fault: ";

bool planted(std::string_view id) {
  return std::any_of(faults().begin(), faults().end(), [&](const Fault& fault) { return fault.id == id; });
}

bool named_by_rule(std::string_view id) {
  return std::any_of(run_faults().begin(), run_faults().end(), [&](const RunFault& fault) { return fault.id == id; });
}

}  // namespace

CataloguePlace place_of(const CatalogueRow& row) {
  if (std::all_of(row.known_as.begin(), row.known_as.end(), planted)) return CataloguePlace::planted;
  if (std::all_of(row.known_as.begin(), row.known_as.end(), named_by_rule)) return CataloguePlace::run_rule;
  return row.otherwise.starts_with(kNoFault) ? CataloguePlace::method : CataloguePlace::out_of_reach;
}

const std::vector<std::string_view>& own_ids() {
  static const std::vector<std::string_view> ids = {"k-tail-dropped", "out-of-memory", "endless-spin",
                                                    "device-assert",  "device-trap",   "writes-outside",
                                                    "lock-never-set", "output-overrun"};
  return ids;
}

const std::vector<CatalogueRow>& catalogue() {
  static const std::vector<CatalogueRow> rows = {
      {1, "zp-v1v2-offset", {"zp-v1v2-offset"}, ""},
      {2, "zp-nibble-wrap", {"zp-nibble-wrap"}, ""},
      {3, "zp-clamped-folded", {"zp-clamped-folded"}, ""},
      {4, "sym-consumes-qzeros", {"sym-consumes-qzeros"}, ""},
      {5, "zp-double-bias8", {"zp-double-bias8"}, ""},
      {6, "code-twos-complement", {"code-twos-complement"}, ""},
      {7, "zp-float-sign", {"zp-float-sign"}, ""},
      {8, "zp-noninteger", {"zp-noninteger"}, ""},
      {9, "qzeros-transposed", {"qzeros-transposed"}, ""},
      {10, "group-size-misinferred", {"group-size-misinferred"}, ""},
      {11, "nibble-spill", {"nibble-spill"}, ""},
      {12, "double-transform", {"double-transform"}, ""},
      {13, "config-flag-lost", {"config-flag-lost"}, ""},
      {14, "bias-double / bias-one / bias-missing", {"bias-double", "bias-one", "bias-missing"}, ""},
      {15, "bias-permuted-raw-add", {"bias-permuted-raw-add"}, ""},
      {16, "nibble-order-awq-gptq", {"nibble-order-awq-gptq"}, ""},
      {17, "nibble-split-vs-interleave", {"nibble-split-vs-interleave"}, ""},
      {18, "pack-axis-kn", {"pack-axis-kn"}, ""},
      {19, "repack-transpose", {"repack-transpose"}, ""},
      {20, "tile-order-swap", {"tile-order-swap"}, ""},
      {21, "perm1024-missing-or-partial", {"perm1024-partial"}, ""},
      {22, "perm-applied-twice", {"perm-applied-twice"}, ""},
      {23, "layout-variant-arch", {"layout-variant-arch"}, ""},
      {24, "repack-tail-unwritten", {"repack-tail-unwritten"}, ""},
      {25, "pad-nonzero-leak", {"pad-nonzero-leak"}, ""},
      {26, "fused-concat-axis", {"fused-concat-axis"}, ""},
      {27, "scale-perm-missing", {"scale-perm-missing"}, ""},
      {28, "scale-perm-single-vs-grouped", {"scale-perm-single-vs-grouped"}, ""},
      {29, "zp-perm-no-interleave", {"zp-perm-no-interleave"}, ""},
      {30, "small-group-tile-stale", {"small-group-tile-stale"}, ""},
      {31, "scale-extent-large-k", {"scale-extent-large-k"}, ""},
      {32, "scale-dtype-reinterpret", {"scale-dtype-reinterpret"}, ""},
      {33, "scale-exponent-bias", {"scale-exponent-bias"}, ""},
      {34, "scale-not-passed-variant", {"scale-not-passed-variant"}, ""},
      {35, "gidx-ignored", {"gidx-ignored"}, ""},
      {36, "gidx-dummy-zero", {"gidx-dummy-zero"}, ""},
      {37, "gidx-out-of-range", {"gidx-out-of-range"}, ""},
      {38, "actorder-last-slice-oob", {"actorder-last-slice-oob"}, ""},
      {39, "actorder-tp-scales", {"actorder-tp-scales"}, ""},
      {40, "actorder-expert-offset", {"actorder-expert-offset"}, ""},
      {41, "gidx-shard-length", {"gidx-shard-length"}, ""},
      {42, "perm-a-missing-or-inverse", {"perm-a-missing", "perm-a-inverse"}, ""},
      {43, "tp-channelwise-null-scale", {"tp-channelwise-null-scale"}, ""},
      {44, "tp-shard-splits-group", {"tp-shard-splits-group"}, ""},
      {45,
       "tp-static-scratch-device",
       {"tp-static-scratch-device"},
       "needs two devices; on one, an address of another is an illegal address at the synchronise"},
      {46, "no-kernel-image", {"no-kernel-image"}, ""},
      {47, "arch-guard-empty-body", {"arch-guard-empty-body"}, ""},
      {48, "ptx-illegal-on-arch", {"ptx-illegal-on-arch"}, ""},
      {49,
       "jit-fallback-corrupt",
       {"jit-fallback-corrupt"},
       "needs a driver that compiles wrongly; the report of a GPU run has the versions of machine code and PTX of a "
       "launch"},
      {50, "instantiation-missing-rc-ignored", {"instantiation-missing-rc-ignored"}, ""},
      {51, "grid-or-sms-invalid", {"grid-or-sms-invalid"}, ""},
      {52, "smem-optin-fail", {"smem-optin-fail"}, ""},
      {53,
       "smem-underalloc",
       {"smem-underalloc"},
       "shared memory has no bounds in the lane model; on a GPU --sanitize memcheck names the access outside it"},
      {54,
       "group-tail-unchecked",
       {"group-tail-unchecked"},
       "a layer whose K is no multiple of group_size is refused when it is read"},
      {55, "wrapper-shape-check-dead", {"wrapper-shape-check-dead"}, ""},
      {56, "int32-index-overflow", {"int32-index-overflow"}, "needs 2^31 elements; a case has 2^30 at most"},
      {57, "wrong-stream", {"wrong-stream"}, ""},
      {58, "output-to-temporary", {"output-to-temporary"}, ""},
      {59,
       "stale-build-artifact",
       {"stale-build-artifact"},
       "a build cannot be told from an older one by what it computes; the report of a GPU run has its versions of "
       "code"},
      {60,
       "wrong-kernel-selected",
       {"wrong-kernel-selected"},
       "the lane model has one kernel; the report of a GPU run has the name, grid and block of what was launched"},
      {61, "lock-workspace-dirty", {"lock-workspace-dirty"}, ""},
      {62, "lock-workspace-small", {"lock-workspace-small"}, ""},
      {63,
       "workspace-shared-streams",
       {"workspace-shared-streams"},
       "needs two launches at once on one workspace; --workspace dirty shows what a launch does with another's locks"},
      {64, "ctmp-null-or-small", {"ctmp-null-or-small"}, ""},
      {65, "output-not-zeroed-atomic", {"output-not-zeroed-atomic"}, ""},
      {66,
       "atomic-order-benign",
       {"atomic-order-benign"},
       "no fault: the bound of an output allows every order of its sum"},
      {67,
       "batch-variance-benign",
       {"batch-variance-benign"},
       "no fault: the bound of an output allows every split of its sum"},
      {68, "smem-race", {"smem-race"}, ""},
      {69, "tile-pointer-wrap", {"tile-pointer-wrap"}, ""},
      {70, "tile-loop-bound", {"tile-loop-bound"}, ""},
      {71, "thread-config-broken", {"thread-config-broken"}, ""},
      {72, "a-stride-alignment", {"a-stride-alignment"}, ""},
      {73, "fp16-accumulate-overflow", {"fp16-accumulate-overflow"}, ""},
      {74, "epilogue-cast-order", {"epilogue-cast-order"}, ""},
      {75, "lowprec-partial-reduce", {"lowprec-partial-reduce"}, ""},
      {76,
       "graph-stale-pointer",
       {"graph-stale-pointer"},
       "needs a captured graph and its replay after tensors have moved"},
      {77, "temp-buffer-overrun", {"temp-buffer-overrun"}, ""},
      {78, "moe-routing-index", {"moe-routing-index"}, ""},
      {79, "pad-nan-propagation", {"pad-nan-propagation"}, ""},
      {80,
       "reference-noise",
       {"reference-noise"},
       "no fault: outputs are held against the same codes and scales in fp64, never against the layer before "
       "quantising"},
      {81, "l2-hint-illegal", {"l2-hint-illegal"}, ""},
      {82, "writeout-race", {"writeout-race"}, ""},
      {83, "scales-averaged", {"scales-averaged"}, ""},
      {84, "scale-ring-refill", {"scale-ring-refill"}, ""},
      {85, "bias-perm-missing", {"bias-perm-missing"}, ""},
      {86, "zp-perm-missing", {"zp-perm-missing"}, ""},
  };
  return rows;
}

}  // namespace w4::cases::faults
