# SPDX-License-Identifier: Apache-2.0
# Enables CUDA where its toolkit is installed and works with the C++ compiler; sets W4_HAS_CUDA.
set(W4_HAS_CUDA OFF)
if(W4_CUDA STREQUAL "OFF")
  return()
endif()

if(NOT CMAKE_CUDA_COMPILER)
  unset(CMAKE_CUDA_COMPILER CACHE) # the toolkit may have been installed since the last look
  find_program(W4_NVCC nvcc PATHS /usr/local/cuda/bin)
  if(W4_NVCC AND NOT DEFINED ENV{CUDACXX})
    set(ENV{CUDACXX} ${W4_NVCC}) # not CMAKE_CUDA_COMPILER: check_language would take that untried
  endif()
  include(CheckLanguage)
  check_language(CUDA)
endif()

if(CMAKE_CUDA_COMPILER)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES 80 90)
  endif()
  enable_language(CUDA)
  set(W4_HAS_CUDA ON)
  # For programs without a .cu file of their own.
  find_library(W4_CUDART cudart_static HINTS ${CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES} REQUIRED)
  # CUPTI lies in a folder of its own in some installations. Its library is loaded at run time, by this name.
  set(cupti_homes ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ${CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES})
  list(TRANSFORM cupti_homes APPEND /../extras/CUPTI OUTPUT_VARIABLE cupti_extras)
  list(TRANSFORM cupti_homes APPEND /../../../extras/CUPTI OUTPUT_VARIABLE cupti_target_extras)
  find_path(W4_CUPTI_INCLUDE cupti.h HINTS ${cupti_homes} ${cupti_extras} ${cupti_target_extras} PATH_SUFFIXES include)
  string(REGEX MATCH "^[0-9]+" cuda_major "${CMAKE_CUDA_COMPILER_VERSION}")
  find_library(W4_CUPTI NAMES libcupti.so.${cuda_major} cupti HINTS ${cupti_homes} ${cupti_extras} ${cupti_target_extras}
    PATH_SUFFIXES lib64 lib)
  if(W4_CUPTI AND W4_CUPTI_INCLUDE)
    set(W4_CUPTI_DEFINITIONS W4_HAS_CUPTI W4_CUPTI_NAME="libcupti.so.${cuda_major}" W4_CUPTI_FILE="${W4_CUPTI}")
  else()
    message(STATUS "CUPTI not found: kernels run, but their launches are not watched")
  endif()
  message(STATUS "CUDA toolkit ${CMAKE_CUDA_COMPILER_VERSION} found: ${CMAKE_CUDA_COMPILER}")
else()
  set(reason "CUDA toolkit not found")
  if(W4_NVCC)
    set(reason "CUDA toolkit not usable with this C++ compiler: ${W4_NVCC}")
  endif()
  if(NOT W4_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "${reason}, and W4_CUDA is ${W4_CUDA}")
  endif()
  message(STATUS "${reason}; everything but the CUDA kernels is built")
endif()
