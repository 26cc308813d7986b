# SPDX-License-Identifier: Apache-2.0
# How rooms are built: a folder with one purpose is a static library, and links what lies below it.

# Sanitizers and -O0 take ten times as long.
set(W4_SLOW_BUILD OFF)
if(W4_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL Debug)
  set(W4_SLOW_BUILD ON)
endif()

# Headers of the standard library and of packages, read once. A room's own headers stay out: they change.
set(W4_COMMON_HEADERS
  <algorithm> <array> <chrono> <cmath> <filesystem> <functional> <map> <memory> <optional> <set> <span> <string>
  <string_view> <utility> <vector> <fmt/format.h> <fmt/ranges.h>)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/empty.cpp CONTENT "")

# w4_precompiled(NAME HEADERS... [LIBRARIES libraries...]): headers that other targets reuse.
function(w4_precompiled name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;LIBRARIES")
  add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/empty.cpp)
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()
set(W4_HEADERS ${W4_COMMON_HEADERS})
if(CMAKE_CXX_COMPILER_ID MATCHES Clang) # GCC takes a second longer to load them with these
  list(APPEND W4_HEADERS <nlohmann/json.hpp> <Eigen/Core>)
endif()
w4_precompiled(w4_headers HEADERS ${W4_HEADERS} LIBRARIES w4_options)

# Rooms in which the tests of a slow build spend most of their time are compiled at -O1: that takes half a minute more,
# and the tests take minutes less. Tests and all other rooms stay as the build type has them.
if(W4_SLOW_BUILD)
  set(W4_BUSY_ROOMS w4_case w4_child w4_explain w4_files w4_layer w4_lint w4_packed w4_probe w4_proof w4_random
      w4_recorded w4_search w4_shrink)
  add_library(w4_busy_options INTERFACE)
  target_link_libraries(w4_busy_options INTERFACE w4_options)
  target_compile_options(w4_busy_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-O1>)
  w4_precompiled(w4_busy_headers HEADERS ${W4_HEADERS} LIBRARIES w4_busy_options)
endif()

# w4_library(NAME SOURCES [LIBRARY...]): SOURCES is one list.
function(w4_library name sources)
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC w4_options ${ARGN})
  if(name IN_LIST W4_BUSY_ROOMS)
    target_link_libraries(${name} PRIVATE w4_busy_options)
    target_precompile_headers(${name} REUSE_FROM w4_busy_headers)
  else()
    target_precompile_headers(${name} REUSE_FROM w4_headers)
  endif()
endfunction()

# w4_room(NAME FOLDER [LIBRARY...]): the library of all sources in a folder, but for programs and benchmarks.
function(w4_room name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_main\\.cpp$|/bench_")
  w4_library(${name} "${sources}" ${ARGN})
endfunction()

# w4_optimised(TARGET): a room that computes over every weight is optimised in every build. Headers that were precompiled
# without do not fit it.
function(w4_optimised target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-O3>)
  set_target_properties(${target} PROPERTIES DISABLE_PRECOMPILE_HEADERS ON)
endfunction()

# w4_reads_hdf5(PROGRAM): it is built with the worker that reads HDF5 for it.
function(w4_reads_hdf5 program)
  if(NOT program STREQUAL w4_hdf5_worker)
    add_dependencies(${program} w4_hdf5_worker)
  endif()
endfunction()

# w4_program(NAME SOURCE [LIBRARY...])
function(w4_program name source)
  add_executable(${name} ${source})
  w4_reads_hdf5(${name})
  target_link_libraries(${name} PRIVATE ${ARGN})
  target_precompile_headers(${name} REUSE_FROM w4_headers)
endfunction()

# w4_benchmark(NAME SOURCE [LIBRARY...])
function(w4_benchmark name source)
  if(W4_BENCHMARKS)
    w4_program(${name} ${source} benchmark::benchmark ${ARGN})
  endif()
endfunction()
