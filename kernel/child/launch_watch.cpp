// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/launch_watch.h"

#ifdef W4_HAS_CUPTI

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <cupti.h>
#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdlib>
#include <string_view>

namespace w4::kernel::worker {

namespace {

/// Entry points of CUPTI and of the driver, loaded at run time so that the worker starts without them.
struct Tools {
  decltype(&cuptiSubscribe) subscribe = nullptr;
  decltype(&cuptiEnableDomain) enable_domain = nullptr;
  decltype(&cuFuncGetAttribute) attribute = nullptr;
  CUresult (*function_of)(CUfunction*, CUkernel) = nullptr;  // cuKernelGetFunction; null: an old driver
};

struct State {
  Tools tools;
  bool started = false;
  bool driver_saw = false;  // true once the driver callback has recorded the launch in flight
  const void* stream = nullptr;
  std::vector<KernelLaunch> launches;
};

State& state() {
  static State all;
  return all;
}

/// "void f<int>(Args)" without its type and parameters, and without this project's namespaces.
std::string plain_name(const char* symbol) {
  if (symbol == nullptr) return "";
  int status = 0;
  char* const demangled = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  std::string name = status == 0 ? demangled : symbol;
  std::free(demangled);
  for (const std::string part :
       {"void ", "w4::kernel::cuda::", "w4::kernel::planted::", "w4::kernel::", "(anonymous namespace)::"})
    for (auto at = name.find(part); at != std::string::npos; at = name.find(part)) name.erase(at, part.size());
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == '(' && depth == 0) return name.substr(0, i);
  }
  return name;
}

std::array<int, 3> extents(unsigned x, unsigned y, unsigned z) {
  return {static_cast<int>(x), static_cast<int>(y), static_cast<int>(z)};
}

template <class Params>
void take_size(const Params& params, KernelLaunch& launch) {
  launch.grid = extents(params.gridDimX, params.gridDimY, params.gridDimZ);
  launch.block = extents(params.blockDimX, params.blockDimY, params.blockDimZ);
  launch.dynamic_bytes = static_cast<int>(params.sharedMemBytes);
  launch.on_given_stream = params.hStream == state().stream;
}

/// The function itself: a launch may name a CUkernel of a library, cast to CUfunction.
CUfunction function_behind(CUfunction launched) {
  int number = 0;
  const Tools& tools = state().tools;
  if (tools.attribute(&number, CU_FUNC_ATTRIBUTE_NUM_REGS, launched) == CUDA_SUCCESS || tools.function_of == nullptr)
    return launched;
  CUfunction function = nullptr;
  return tools.function_of(&function, reinterpret_cast<CUkernel>(launched)) == CUDA_SUCCESS ? function : launched;
}

void take_function(CUfunction launched, KernelLaunch& launch) {
  const CUfunction function = function_behind(launched);
  const auto value = [&](CUfunction_attribute attribute) {
    int number = 0;
    return state().tools.attribute(&number, attribute, function) == CUDA_SUCCESS ? number : 0;
  };
  launch.dynamic_bytes_allowed = value(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  launch.static_bytes = value(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
  launch.registers = value(CU_FUNC_ATTRIBUTE_NUM_REGS);
  launch.binary_version = value(CU_FUNC_ATTRIBUTE_BINARY_VERSION);
  launch.ptx_version = value(CU_FUNC_ATTRIBUTE_PTX_VERSION);
}

/// The end of a driver launch. Here the function is known.
void note_driver(CUpti_CallbackId id, const CUpti_CallbackData& data) {
  KernelLaunch launch;
  launch.kernel = plain_name(data.symbolName);
  if (id == CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx || id == CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx_ptsz) {
    const auto& params = *static_cast<const cuLaunchKernelEx_params*>(data.functionParams);
    take_size(*params.config, launch);
    take_function(params.f, launch);
  } else {
    const auto& params = *static_cast<const cuLaunchKernel_params*>(data.functionParams);
    take_size(params, launch);
    take_function(params.f, launch);
  }
  if (const auto result = *static_cast<const CUresult*>(data.functionReturnValue); result != CUDA_SUCCESS)
    launch.error = cudaGetErrorName(static_cast<cudaError_t>(result));  // most numbers are the same in both APIs
  state().driver_saw = true;
  state().launches.push_back(std::move(launch));
}

/// The end of a runtime launch. One that the runtime refused never reached the driver, and is recorded here.
void note_runtime(CUpti_CallbackId id, const CUpti_CallbackData& data) {
  const auto result = *static_cast<const cudaError_t*>(data.functionReturnValue);
  if (!state().driver_saw) {
    KernelLaunch launch;
    launch.kernel = plain_name(data.symbolName);
    if (id != CUPTI_RUNTIME_TRACE_CBID_cudaLaunchKernelExC_v11060 &&
        id != CUPTI_RUNTIME_TRACE_CBID_cudaLaunchKernelExC_ptsz_v11060) {
      // __cudaLaunchKernel has a kernel handle in place of the function pointer: the same layout
      const auto& params = *static_cast<const cudaLaunchKernel_v7000_params*>(data.functionParams);
      launch.grid = extents(params.gridDim.x, params.gridDim.y, params.gridDim.z);
      launch.block = extents(params.blockDim.x, params.blockDim.y, params.blockDim.z);
      launch.dynamic_bytes = static_cast<int>(params.sharedMem);
      launch.on_given_stream = params.stream == state().stream;
    }
    state().launches.push_back(std::move(launch));
  }
  state().launches.back().error = result == cudaSuccess ? "" : cudaGetErrorName(result);
}

bool is_launch(const CUpti_CallbackData& data) {
  return std::string_view(data.functionName).find("LaunchKernel") != std::string_view::npos;
}

void CUPTIAPI on_call(void*, CUpti_CallbackDomain domain, CUpti_CallbackId id, const void* about) {
  State& all = state();
  if (!all.started) return;
  const auto& data = *static_cast<const CUpti_CallbackData*>(about);
  if (!is_launch(data)) return;
  const bool ends = data.callbackSite == CUPTI_API_EXIT;
  if (domain == CUPTI_CB_DOMAIN_DRIVER_API) {
    if (ends) note_driver(id, data);
  } else if (!ends) {
    all.driver_saw = false;
  } else {
    note_runtime(id, data);
  }
}

void* opened(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (void* const library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL); library != nullptr) return library;
  return nullptr;
}

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

std::string load(Tools& tools) {
  void* const driver = opened({"libcuda.so.1"});
  if (driver == nullptr || !find(driver, "cuFuncGetAttribute", tools.attribute)) return "no CUDA driver";
  find(driver, "cuKernelGetFunction", tools.function_of);
  void* const cupti = opened({W4_CUPTI_NAME, W4_CUPTI_FILE});
  if (cupti == nullptr) return "CUPTI (" W4_CUPTI_NAME ") was not found";
  if (!find(cupti, "cuptiSubscribe", tools.subscribe) || !find(cupti, "cuptiEnableDomain", tools.enable_domain))
    return "CUPTI has no cuptiSubscribe or cuptiEnableDomain";
  CUpti_SubscriberHandle subscriber;
  if (tools.subscribe(&subscriber, on_call, nullptr) != CUPTI_SUCCESS) return "CUPTI has another user in this process";
  if (tools.enable_domain(1, subscriber, CUPTI_CB_DOMAIN_RUNTIME_API) != CUPTI_SUCCESS ||
      tools.enable_domain(1, subscriber, CUPTI_CB_DOMAIN_DRIVER_API) != CUPTI_SUCCESS)
    return "CUPTI cannot watch runtime and driver calls here";
  return "";
}

}  // namespace

std::string LaunchWatch::why_not() {
  static const std::string reason = load(state().tools);
  return reason;
}

void LaunchWatch::start(const void* stream) {
  if (!why_not().empty()) return;
  state().launches.clear();
  state().stream = stream;
  state().started = true;
}

std::vector<KernelLaunch> LaunchWatch::stop() {
  state().started = false;
  return std::move(state().launches);
}

}  // namespace w4::kernel::worker

#else

namespace w4::kernel::worker {

std::string LaunchWatch::why_not() { return "built without CUPTI"; }
void LaunchWatch::start(const void*) {}
std::vector<KernelLaunch> LaunchWatch::stop() { return {}; }

}  // namespace w4::kernel::worker

#endif
