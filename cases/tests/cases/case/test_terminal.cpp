// SPDX-License-Identifier: Apache-2.0
#include "cases/case/terminal.h"

#include <doctest/doctest.h>

#include <string>

using w4::cases::wrapped;

TEST_CASE("terminal: a line breaks at spaces and goes on below its last column of text") {
  CHECK(wrapped("culprit      one two three four five six seven eight nine\n", 40) ==
        "culprit      one two three four five six\n             seven eight nine\n");
  CHECK(wrapped("stage  ok     the words behind two gaps that are too long\n", 40) ==
        "stage  ok     the words behind two gaps\n              that are too long\n");
}

TEST_CASE("terminal: what fits, has no width or is one long word is left as it is") {
  const std::string word(60, 'x');
  CHECK(wrapped("a b c\n", 40) == "a b c\n");
  CHECK(wrapped(word + " y", 0) == word + " y");
  CHECK(wrapped("label        " + word + "\n", 40) == "label        " + word + "\n");
}

TEST_CASE("terminal: a command breaks so that it can be pasted") {
  CHECK(wrapped("./bisect b 128 --fixture a_folder --kernel plugin:./mine.so", 40) ==
        "./bisect b 128 --fixture a_folder \\\n    --kernel plugin:./mine.so");
}

TEST_CASE("terminal: colours and bytes behind the first of a character take no column") {
  CHECK(wrapped("\033[31mred\033[0m and nine words that fit in forty co", 40) ==
        "\033[31mred\033[0m and nine words that fit in forty co");
  CHECK(wrapped("éééééééééé éééééééééé éééééééééé ééééééé", 40) == "éééééééééé éééééééééé éééééééééé ééééééé");
}
