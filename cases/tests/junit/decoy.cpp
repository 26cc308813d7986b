// SPDX-License-Identifier: Apache-2.0
#include "cases/tests/skip.h"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>

TEST_CASE("decoy: passes") { CHECK(true); }

TEST_CASE("decoy: two ways through sub-cases") {
  SUBCASE("one") { CHECK(true); }
  SUBCASE("other") { CHECK(true); }
}

TEST_CASE("decoy: fails twice in a \"<case>\" & says why") {
  const int seed = 7;
  CAPTURE(seed);
  CHECK(1 + 1 == 3);
  CHECK_MESSAGE(std::string("a<b") == "\x01", "the reason");
}

TEST_CASE("decoy: throws") { throw std::runtime_error("not caught"); }

TEST_CASE("decoy: skips") { w4::tests::skip("no such device"); }

TEST_CASE("decoy: ends its process") { std::_Exit(3); }

TEST_CASE("decoy: a segmentation fault") { std::raise(SIGSEGV); }
