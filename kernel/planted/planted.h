// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/cuda/marlin_args.h"
#include "kernel/cuda/marlin_fault.h"
#include "kernel/plugin.h"

namespace w4::kernel::planted {

/// Launches our CUDA kernel with one fault, in fp16 and without zero points: instantiations that the shipped library
/// does not have. Returns the cudaError_t of the launch.
int launch_with(cuda::MarlinFault fault, const cuda::MarlinArgs& args, const cuda::MarlinChoice& choice, void* stream);

// Faulty launches; each returns the cudaError_t of its launch.

int launch_without_opt_in(const cuda::MarlinArgs& args,
                          void* stream);  // of cudaFuncAttributeMaxDynamicSharedMemorySize
int launch_on_no_grid(const cuda::MarlinArgs& args, void* stream);
int launch_for_other_chip(const cuda::MarlinArgs& args, void* stream);  // #if leaves an empty body on this architecture
int launch_with_broken_policy(const cuda::MarlinArgs& args, void* stream);
int launch_endless(void* stream);
int launch_trap(void* stream);
int launch_assert(int value, void* stream);
int launch_write_behind(const cuda::MarlinArgs& args, void* stream);  // behind the end of C

/// The plug-in with the fault of this name (the list is in planted_plugin.cpp), or null.
const W4Plugin* planted_plugin(const char* fault);

}  // namespace w4::kernel::planted
