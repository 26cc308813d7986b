// SPDX-License-Identifier: Apache-2.0
#include "cases/faults/run_faults.h"

namespace w4::cases::faults {

const std::vector<RunFault>& run_faults() {
  static const std::vector<RunFault> all = {
      {"launch", "instantiation-missing-rc-ignored", "no kernel is compiled for this case, and no error is reported",
       "look at the code that the entry point returns; compile the instantiation or refuse the case"},
      {"launch", "grid-or-sms-invalid", "the grid or the block is not one",
       "look at cudaGetLastError() after the launch; compute the grid from a positive number of multiprocessors"},
      {"launch", "smem-optin-fail", "more dynamic shared memory is asked for than the function was allowed",
       "cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes) before the launch, on each "
       "device, and look at what it returns"},
      {"launch", "no-kernel-image", "there is no machine code for this device, and no PTX that it could compile",
       "compile for this device's architecture, or embed PTX"},
      {"launch", "out-of-memory", "the device has no memory left for what the kernel allocates itself",
       "allocate less, or look at what cudaMalloc returns"},
      {"launch", "arch-guard-empty-body", "the body is compiled away for this architecture",
       "compile for an architecture that the #if on __CUDA_ARCH__ lets through, or refuse to launch elsewhere"},
      {"launch", "output-to-temporary", "the kernel writes a copy of the output that the caller throws away",
       "hand over the caller's own C"},
      {"launch", "wrong-stream", "the kernel is launched on another stream than the caller's",
       "launch on the stream that was given, and make what is allocated or copied wait for it too"},
      {"launch", "l2-hint-illegal", "the L2 cache hint of the weight loads is miscompiled in one instantiation",
       "load the weights without the L2 cache hint"},
      {"launch", "ptx-illegal-on-arch", "an instruction is illegal on this device",
       "compile for this architecture and look at the instruction that compute-sanitizer or cuda-gdb stops at"},
      {"launch", "endless-spin", "a loop never ends", "--timeout ends it; cuda-gdb shows where it spins"},
      {"launch", "device-assert", "an assert of the kernel's own fails", "read the assert, printed on stderr"},
      {"launch", "device-trap", "the kernel ends itself by a trap", "find the __trap() or the check that ends in one"},
      {"pipeline", "smem-race", "fragments are read from shared memory before the copies into it have arrived",
       "cp.async.wait_group and a barrier before the fragments of a stage are read"},
      {"pipeline", "scale-ring-refill",
       "a group spans two pipeline stages, and the one that holds its scales is refilled while slower warps still read "
       "it",
       "a barrier before the refill, when the last warp has read the group's scales; or scales in a ring of their own. "
       "A "
       "barrier after the write-out changes nothing"},
      {"pipeline", "writes-outside", "it writes into an input, or beside a buffer",
       "compute-sanitizer --tool memcheck names the instruction (--sanitize memcheck)"},
      {"reduce", "lock-workspace-dirty", "locks are not zero after the launch, or are expected to be before it",
       "the last thread block of a column sets its lock to zero; the caller zeroes the workspace once"},
      {"reduce", "lock-workspace-small", "there are more locks than the workspace has room for",
       "a lock for each column and each problem that runs beside it: N / 128 * max_par, or one a multiprocessor"},
      {"reduce", "lock-never-set", "a thread block waits for a lock that is never set",
       "every slice of a column sets its lock, also where its thread block has nothing to add"},
      {"reduce", "ctmp-null-or-small", "the buffer of the global reduction is not there, or too small",
       "allocate it for the number of thread blocks that are launched"},
      {"reduce", "output-not-zeroed-atomic", "partial sums are added onto what C held before",
       "zero C before the launch, or let the first slice store instead of add"},
      {"reduce", "writeout-race", "the next slice's loads overwrite what slower warps still read of the result",
       "__syncthreads() after the write-out, where it is the write-out that races: probes say so, not a hazard alone"},
      {"epilogue", "output-overrun", "it writes behind or before C",
       "bound the store by M and N; tiles at the edge are not whole"},
  };
  return all;
}

}  // namespace w4::cases::faults
