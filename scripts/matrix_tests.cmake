# SPDX-License-Identifier: Apache-2.0
# The named sets of the matrix as CTest tests, with labels: matrix, cpu or gpu, the set's name, and `heavy` for those that
# take long. Heavy ones are there for `ctest --preset heavy` alone. A test on a GPU asks for one slot of `gpus` through
# CTest's resource specification (docs/examples/ctest_resources.json); without a specification CTest ignores that, and the
# tests share whatever device the machine has.
set(light smoke ci seeds edges w4a16)
set(heavy published models)
if(W4_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(light smoke) # the same code as the rest, ten times slower
  set(heavy "")
endif()
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)

# w4_matrix_test(SET LABEL TIMEOUT [KERNEL]): results, JUnit and HTML lie in matrix/ of the build folder.
function(w4_matrix_test set label timeout)
  set(test "matrix ${set}")
  set(file ${PROJECT_BINARY_DIR}/matrix/${set})
  set(arguments ${set})
  if(ARGC GREATER 3)
    string(APPEND test " on ${ARGV3}")
    string(APPEND file "_${ARGV3}")
    list(APPEND arguments --kernel ${ARGV3})
  endif()
  set(labels matrix ${label} ${set})
  set(configuration "")
  if(set IN_LIST heavy)
    list(APPEND labels heavy)
    set(configuration CONFIGURATIONS heavy)
  endif()
  add_test(NAME "${test}" ${configuration} COMMAND matrix ${arguments} --fresh --quiet
    --results ${file}.jsonl --junit ${file}.xml --html ${file}.html)
  set_tests_properties("${test}" PROPERTIES LABELS "${labels}" SKIP_RETURN_CODE 125 TIMEOUT ${timeout})
  if(label STREQUAL gpu) # one beside the other, each on a GPU that the resource specification has for it
    set_property(TEST "${test}" PROPERTY RESOURCE_GROUPS gpus:1)
  else() # a run takes all cores: ctest --parallel starts nothing beside it
    set_property(TEST "${test}" PROPERTY PROCESSORS ${cores})
  endif()
endfunction()

file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/matrix)
foreach(set IN LISTS light heavy)
  if(set IN_LIST heavy)
    set(timeout 14400)
  else()
    set(timeout 1800)
  endif()
  w4_matrix_test(${set} cpu ${timeout})
  if(TARGET w4_cuda)
    w4_matrix_test(${set} gpu ${timeout} cuda)
  endif()
endforeach()
