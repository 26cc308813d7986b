# SPDX-License-Identifier: Apache-2.0
# w4bisect_add_matrix(KERNEL SETS SET... [ARGS ARGUMENT...] [LABELS LABEL...] [GPU] [TIMEOUT SECONDS])
#
# Puts a kernel under the matrix: for each set a CTest test "KERNEL: matrix SET". KERNEL is a library target: a plug-in
# (w4bisect::plugin has its header), or one that exports the C++ symbol marlin_cuda. SETs are those of `matrix --help`,
# ARGS further arguments of it. Labels are `matrix`, the set and LABELS; with GPU also `gpu`, and the test asks for one
# through CTest's resource specification. A test is skipped (125) where nothing of its set could be run. Results lie in
# the build folder: matrix/KERNEL/SET.jsonl, .xml (JUnit) and .html.
function(w4bisect_add_matrix kernel)
  cmake_parse_arguments(PARSE_ARGV 1 arg "GPU" "TIMEOUT" "SETS;ARGS;LABELS")
  if(arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES OR NOT arg_SETS)
    message(FATAL_ERROR "w4bisect_add_matrix(${kernel} SETS SET... [ARGS ...] [LABELS ...] [GPU] [TIMEOUT SECONDS]): "
      "no SETS, unknown '${arg_UNPARSED_ARGUMENTS}' or without a value '${arg_KEYWORDS_MISSING_VALUES}'")
  endif()
  set(type "")
  if(TARGET ${kernel})
    get_target_property(type ${kernel} TYPE)
  endif()
  if(NOT type MATCHES "^(MODULE|SHARED)_LIBRARY$")
    message(FATAL_ERROR "w4bisect_add_matrix(${kernel} ...): '${kernel}' is no MODULE or SHARED library target")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 3600)
  endif()
  cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/matrix/${kernel})
  file(MAKE_DIRECTORY ${folder})
  foreach(set IN LISTS arg_SETS)
    set(test "${kernel}: matrix ${set}")
    add_test(NAME "${test}" COMMAND w4bisect::matrix ${set} --kernel plugin:$<TARGET_FILE:${kernel}> --fresh --quiet
      --results ${folder}/${set}.jsonl --junit ${folder}/${set}.xml --html ${folder}/${set}.html ${arg_ARGS})
    set(labels matrix ${set} ${arg_LABELS})
    if(arg_GPU) # one beside the other, each on a GPU of its own, by `ctest --resource-spec-file`
      list(APPEND labels gpu)
      set_property(TEST "${test}" PROPERTY RESOURCE_GROUPS gpus:1)
    else() # a run uses every core: ctest --parallel starts nothing beside it
      set_property(TEST "${test}" PROPERTY PROCESSORS ${cores})
    endif()
    set_tests_properties("${test}" PROPERTIES LABELS "${labels}" SKIP_RETURN_CODE 125 TIMEOUT ${arg_TIMEOUT})
  endforeach()
endfunction()
