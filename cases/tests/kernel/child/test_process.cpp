// SPDX-License-Identifier: Apache-2.0
#include "kernel/child/process.h"

#include "cases/tests/fixtures/scratch.h"
#include "cases/tests/skip.h"
#include "kernel/child/errors.h"
#include "kernel/child/shared_buffers.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <thread>

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

TEST_CASE("process: a program that cannot be started is no program that exits with 127") {
  CHECK_THROWS_WITH_AS(child::Process({"/no/such/program"}, {}),
                       "cannot start /no/such/program: No such file or directory", child::ToolFailed);
  CHECK_THROWS_WITH_AS(child::Process({"/bin/sh"}, {{-1, 0}}), "cannot start /bin/sh: Bad file descriptor",
                       child::ToolFailed);
  CHECK(end_of("exit 127").exit_code == 127);
}

TEST_CASE("process: a lack of descriptors is told as such") {
  if (W4_SANITIZED) return w4::tests::skip("the sanitizers need descriptors of their own");
  const child::Descriptor next(::dup(STDERR_FILENO));
  rlimit before = {};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  int failed = 0;
  for (int more = 0; more < 8; ++more) {
    CAPTURE(more);
    const rlimit few = {static_cast<rlim_t>(next.get() + more), before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    try {
      child::Process process({"/bin/true"}, {{STDERR_FILENO, STDERR_FILENO}});
      ::setrlimit(RLIMIT_NOFILE, &before);
      CHECK(process.wait_for(-1, in(5s)));
    } catch (const child::ToolFailed& error) {
      CHECK(std::string(error.what()).ends_with(": Too many open files"));
      ++failed;
    }
    ::setrlimit(RLIMIT_NOFILE, &before);
  }
  CHECK(failed > 0);
  CHECK(failed < 8);
}

TEST_CASE("process: nothing is left of what it started whether it ends or is ended") {
  const w4::fixtures::test::Scratch scratch;
  const std::string file = (scratch / "children").string();
  const std::string starts =
      "sleep 60 & echo $! >> " + file + "; setsid sh -c 'sleep 60 & echo $! $$ >> " + file + "; exec sleep 60' & ";
  const auto lines = [&] {
    const std::string text = w4::fixtures::test::content_of(file);
    return std::ranges::count(text, '\n');
  };
  for (const char* then : {"while [ $(wc -l < %) -lt 2 ]; do :; done", "wait"}) {
    std::string script = starts + then;
    if (const auto at = script.find('%'); at != script.npos) script.replace(at, 1, file);
    std::filesystem::remove(file);
    {
      child::Process process({"/bin/sh", "-c", script}, {});
      if (std::string(then) != "wait") REQUIRE(process.wait_for(-1, in(10s)));
      while (lines() < 2) std::this_thread::sleep_for(1ms);
    }
    std::istringstream pids(w4::fixtures::test::content_of(file));
    int count = 0;
    for (pid_t pid; pids >> pid; ++count) CHECK(::kill(pid, 0) != 0);
    CHECK(count == 3);
  }
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
  const child::Descriptor memory = child::shared_memory();
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

TEST_CASE("shared buffers: the memory grows from run to run and cannot be shrunk and holds nothing of the run before") {
  const child::Descriptor memory = child::shared_memory();
  for (const std::size_t bytes : {100U, 1000000U, 10U}) {
    child::SharedBuffers buffers(memory.get());
    const std::size_t place = buffers.add("out", bytes, nullptr);
    buffers.map();
    CHECK(::ftruncate(memory.get(), 0) != 0);
    std::uint8_t behind = 0;  // of a larger run before
    CHECK(::pread(memory.get(), &behind, 1, static_cast<off_t>(buffers.total_bytes())) >= 0);
    CHECK(behind == 0);
    std::ranges::fill(buffers.at<std::uint8_t>(place, bytes), std::uint8_t{7});
    CHECK(buffers.trespasses().empty());
  }
}
