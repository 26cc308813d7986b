# SPDX-License-Identifier: Apache-2.0
# Compiles every header by itself, and twice in a row: it includes all it needs and bears being included again. Headers of
# the standard library and of fmt are precompiled; that those are included, scripts/tests/test_repository.py checks.
if(NOT W4_SANITIZE) # once is enough, where it is quickest
  return()
endif()

file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
     ${PROJECT_SOURCE_DIR}/fixtures/*.h ${PROJECT_SOURCE_DIR}/repack/*.h
     ${PROJECT_SOURCE_DIR}/kernel/*.h ${PROJECT_SOURCE_DIR}/cases/*.h)
if(NOT W4_TESTS)
  list(FILTER headers EXCLUDE REGEX "^cases/tests/")
endif()

set(sources "")
foreach(header IN LISTS headers)
  set(source ${PROJECT_BINARY_DIR}/headers_alone/${header}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n#include \"${header}\"\n")
  list(APPEND sources ${source})
endforeach()

add_library(headers_alone OBJECT ${sources})
target_link_libraries(headers_alone PRIVATE w4_options HDF5::HDF5 PkgConfig::libzip $<TARGET_NAME_IF_EXISTS:doctest::doctest>)
w4_precompiled(w4_alone_headers HEADERS ${W4_COMMON_HEADERS} LIBRARIES w4_options) # without JSON: all would load it, few need it
target_precompile_headers(headers_alone REUSE_FROM w4_alone_headers)
set_target_properties(headers_alone PROPERTIES UNITY_BUILD OFF)
