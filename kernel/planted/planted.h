// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_args.h"
#include "kernel/cuda/marlin_fault.h"
#include "kernel/plugin.h"

namespace w4::kernel::planted {

/// Our CUDA kernel with one fault in it, in fp16 and without zero points: an instantiation that the shipped library
/// does not have. A cudaError_t of the launch.
int launch_with(cuda::MarlinFault fault, const cuda::MarlinArgs& args, const cuda::MarlinChoice& choice, void* stream);

// Launches that go wrong by themselves; each returns the cudaError_t of its launch.

int launch_without_opt_in(const cuda::MarlinArgs& args, void* stream);  // to its shared memory
int launch_on_no_grid(const cuda::MarlinArgs& args, void* stream);
int launch_for_other_chip(const cuda::MarlinArgs& args, void* stream);  // its body is compiled away
int launch_with_broken_policy(const cuda::MarlinArgs& args, void* stream);
int launch_endless(void* stream);
int launch_trap(void* stream);
int launch_assert(int value, void* stream);
int launch_write_behind(const cuda::MarlinArgs& args, void* stream);  // C

/// The plug-in with the fault of this name in it (planted_plugin.cpp has the list). Null: there is none.
const W4Plugin* planted_plugin(const char* fault);

}  // namespace w4::kernel::planted
