# SPDX-License-Identifier: Apache-2.0
# What scripts/test runs beside the release build's tests, as tests of `ctest --preset ci` (configuration "ci") alone:
# most take minutes, and each runs by itself. A suite's own counts are its output.
foreach(suite IN ITEMS lint python sanitize fuzz)
  add_test(NAME "suite ${suite}" CONFIGURATIONS ci COMMAND ${PROJECT_SOURCE_DIR}/scripts/test --suite ${suite})
  set_tests_properties("suite ${suite}" PROPERTIES
    LABELS "cpu;${suite}" RUN_SERIAL TRUE SKIP_RETURN_CODE 125 TIMEOUT 7200)
endforeach()
