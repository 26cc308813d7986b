# SPDX-License-Identifier: Apache-2.0
# cmake --install: one command, bin/w4bisect; its programs, which look for each other side by side; what they read; and a
# CMake package. Nothing in it knows where it was installed to.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(programs libexec/w4bisect) # cases/case/install_paths.cpp finds the data from here
set(data share/w4bisect)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/w4bisect)

foreach(target IN ITEMS bisect check explain fixture matrix repack shrink w4_guard w4_worker w4_hdf5_worker)
  if(TARGET ${target})
    list(APPEND targets ${target})
  endif()
endforeach()
install(TARGETS ${targets} EXPORT w4bisectTargets RUNTIME DESTINATION ${programs})
foreach(plugin IN ITEMS w4_marlin w4_naive)
  if(TARGET ${plugin})
    install(TARGETS ${plugin} LIBRARY DESTINATION ${programs})
  endif()
endforeach()
install(PROGRAMS scripts/package/w4bisect DESTINATION bin)

install(DIRECTORY fixtures/data DESTINATION ${data}/fixtures)
install(FILES fixtures/layer/checkpoint_facts.json DESTINATION ${data}/fixtures/layer) # for scripts/hub
install(FILES kernel/plugin.h DESTINATION ${data}/kernel) # for reproducers, which are folders of their own
install(FILES docs/examples/reproducer.cpp DESTINATION ${data}/docs/examples)
install(DIRECTORY docs/schemas DESTINATION ${data}/docs)
install(FILES scripts/w4bisect.py scripts/w4fixture.py scripts/w4text.py scripts/requirements.txt DESTINATION ${data}/scripts)
install(PROGRAMS scripts/doctor scripts/extract_fixture.py DESTINATION ${data}/scripts)
install(DIRECTORY scripts/hub DESTINATION ${data}/scripts FILES_MATCHING PATTERN "*.py")
install(FILES LICENSE DESTINATION ${data})

# What another project links and calls.
add_library(w4_plugin INTERFACE)
set_target_properties(w4_plugin PROPERTIES EXPORT_NAME plugin)
target_include_directories(w4_plugin INTERFACE $<INSTALL_INTERFACE:include/w4bisect>)
install(FILES kernel/plugin.h DESTINATION include/w4bisect/kernel)
install(TARGETS w4_plugin EXPORT w4bisectTargets)
install(EXPORT w4bisectTargets NAMESPACE w4bisect:: DESTINATION ${package})
configure_package_config_file(scripts/package/w4bisectConfig.cmake.in ${PROJECT_BINARY_DIR}/w4bisectConfig.cmake
  INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/w4bisectConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/w4bisectConfig.cmake ${PROJECT_BINARY_DIR}/w4bisectConfigVersion.cmake
  scripts/package/w4bisect_add_matrix.cmake DESTINATION ${package})
