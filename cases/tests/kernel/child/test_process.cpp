// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/process.h"
#include "kernel/child/shared_buffers.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/socket.h>

namespace {

using namespace w4::kernel;
using namespace std::chrono_literals;

child::Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

child::Ended end_of(const std::string& script) {
  child::Process process({"/bin/sh", "-c", script}, {});
  REQUIRE(process.wait_for(-1, in(5s)));
  return *process.ended();
}

}  // namespace

TEST_CASE("process: exit codes and signals are kept apart") {
  CHECK(end_of("exit 0").exit_code == 0);
  CHECK(end_of("exit 139").exit_code == 139);
  CHECK(end_of("kill -SEGV $$").signal == "SIGSEGV");
  CHECK_FALSE(end_of("kill -KILL $$").exit_code.has_value());
}

TEST_CASE("process: a program that is not there exits with 127") {
  child::Process process({"/no/such/program"}, {});
  REQUIRE(process.wait_for(-1, in(5s)));
  CHECK(process.ended()->exit_code == 127);
}

TEST_CASE("process: one that lives is waited for until the deadline and ended with its object") {
  const auto begin = std::chrono::steady_clock::now();
  {
    child::Process process({"/bin/sh", "-c", "sleep 60"}, {});
    CHECK_FALSE(process.wait_for(-1, in(50ms)));
    CHECK_FALSE(process.ended().has_value());
  }
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

TEST_CASE("process: descriptors arrive at their numbers even when those cross") {
  auto [a, b] = child::channel(SOCK_STREAM);
  auto [c, d] = child::channel(SOCK_STREAM);
  child::Process process(
      {"/bin/sh", "-c", "echo one >&" + std::to_string(d.get()) + "; echo two >&" + std::to_string(b.get())},
      {{b.get(), d.get()}, {d.get(), b.get()}});
  REQUIRE(process.wait_for(-1, in(5s)));
  char text[8] = {};
  CHECK(::recv(a.get(), text, sizeof text, MSG_DONTWAIT) == 4);
  CHECK(std::string(text) == "one\n");
  CHECK(::recv(c.get(), text, sizeof text, MSG_DONTWAIT) == 4);
  CHECK(std::string(text) == "two\n");
}

TEST_CASE("shared buffers: each guard and each input is watched and nothing else") {
  const child::Descriptor memory(::memfd_create("test", MFD_CLOEXEC));
  const std::vector<std::uint8_t> input(100, 7);
  child::SharedBuffers buffers(memory.get());
  const std::size_t in_place = buffers.add("in", input.size(), input.data());
  const std::size_t out_place = buffers.add("out", 33, nullptr);
  buffers.map();
  CHECK(buffers.at<std::uint8_t>(in_place, 100)[99] == 7);
  for (std::uint8_t& cell : buffers.at<std::uint8_t>(out_place, 33)) cell = 1;
  CHECK(buffers.trespasses().empty());
  const auto around = buffers.at<std::uint8_t>(out_place - 3, 48);
  around[2] ^= 1;
  around[36] ^= 1;
  around[40] ^= 1;
  buffers.at<std::uint8_t>(in_place, 1)[0] = 8;
  CHECK(buffers.trespasses() ==
        std::vector<std::string>{"in: the input itself was changed",
                                 "out: 1 bytes changed before its begin, the nearest 1 bytes away",
                                 "out: 2 bytes changed behind its end, the first 0 bytes away"});
}
