# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=FILE -DSOURCE=FOLDER -P commit.cmake: defines build_commit() in OUT. An OUT that would be the same stays as
# it is, so that nothing is compiled again.
get_filename_component(above ${SOURCE} DIRECTORY)
set(ENV{GIT_CEILING_DIRECTORIES} ${above}) # sources without git inside another repository are not that one's commit
set(ENV{GIT_OPTIONAL_LOCKS} 0)
execute_process(COMMAND git -C ${SOURCE} describe --always --exclude=* --abbrev=12 "--dirty= changed"
  OUTPUT_VARIABLE commit RESULT_VARIABLE failed ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT failed EQUAL 0)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT [[
#include "cases/case/build_commit.h"

std::string w4::cases::build_commit() { return "@commit@"; }
]] @ONLY)
