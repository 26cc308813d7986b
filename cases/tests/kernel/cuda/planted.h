// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace w4::tests {

/// A fault that is planted on the GPU (planted/planted_plugin.cpp) and what bisect must say of it.
struct PlantedOnGpu {
  std::string file;     // of the plug-in
  std::string fault;    // named
  std::string stage;    // in this stage
  std::string command;  // on the plainest case that shows it
};

inline const std::vector<PlantedOnGpu> kPlantedOnGpu = {
    {"writeout-race", "writeout-race", "reduce", "r 128 --shape 1024,1024 --m 64 --repeat 6 --sanitize racecheck"},
    {"smem-race", "smem-race", "pipeline", "r 128 --shape 2048,128 --m 64 --sms 2 --repeat 6 --sanitize racecheck"},
    {"scale-ring-refill", "scale-ring-refill", "pipeline", "r 128 --shape 2048,1024 --m 64 --sms 8 --repeat 6"},
    {"small-group-tile-stale", "small-group-tile-stale", "pipeline", "r 32 --shape 2048,1024 --m 16 --sms 8"},
    {"tile-pointer-wrap", "tile-pointer-wrap", "pipeline", "r 128 --shape 512,256 --m 128 --sms 3"},
    {"tile-loop-bound", "tile-loop-bound", "pipeline", "r 128 --shape 512,192 --m 16"},
    {"k-tail-dropped", "k-tail-dropped", "pipeline", "r 128 --shape 1024,512 --m 16"},
    {"lock-workspace-dirty", "lock-workspace-dirty", "reduce", "r 128 --shape 2048,512 --m 16"},
    {"lock-workspace-small", "lock-workspace-small", "reduce", "r 128 --shape 2048,512 --m 16"},
    {"ctmp-null-or-small", "ctmp-null-or-small", "reduce", "r 128 --shape 2048,512 --m 16"},
    {"output-not-zeroed-atomic", "output-not-zeroed-atomic", "reduce", "r 128 --shape 2048,512 --m 16"},
    {"fp16-accumulate-overflow", "fp16-accumulate-overflow", "multiply", "r 128 --shape 4096,512 --m 16"},
    {"epilogue-cast-order", "epilogue-cast-order", "epilogue", "r -1 --shape 2048,512 --m 16 --magnitude 8"},
    {"smem-optin-fail", "smem-optin-fail", "launch", "r 128 --shape 2048,512 --m 64"},
    {"grid-or-sms-invalid", "grid-or-sms-invalid", "launch", "r 128 --shape 2048,512 --m 16"},
    {"instantiation-missing-rc-ignored", "instantiation-missing-rc-ignored", "launch", "r 128 --shape 2048,512 --m 16"},
    {"no-kernel-image", "no-kernel-image", "launch", "r 128 --shape 2048,512 --m 16"},
    {"out-of-memory", "out-of-memory", "launch", "r 128 --shape 2048,512 --m 16"},
    {"arch-guard-empty-body", "arch-guard-empty-body", "launch", "r 128 --shape 2048,512 --m 16"},
    {"wrong-stream", "wrong-stream", "launch", "r 128 --shape 2048,512 --m 16"},
    {"output-to-temporary", "output-to-temporary", "launch", "r 128 --shape 2048,512 --m 16"},
    {"output-overrun", "output-overrun", "epilogue", "r 128 --shape 2048,512 --m 16"},
    {"endless-spin", "endless-spin", "launch", "r 128 --shape 2048,512 --m 16 --timeout 5"},
    {"device-trap", "device-trap", "launch", "r 128 --shape 2048,512 --m 16"},
    {"device-assert", "device-assert", "launch", "r 128 --shape 2048,512 --m 16"},
    {"l2-hint-illegal", "l2-hint-illegal", "launch", "r 128 --shape 2048,512 --m 16"},
};

}  // namespace w4::tests
