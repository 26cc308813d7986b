// SPDX-License-Identifier: Apache-2.0
#include "cases/commands/main.h"

#include "cases/commands/signals.h"
#include "fixtures/error.h"
#include "fixtures/text.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>

namespace w4::cases {
namespace {

/// A stream that is closed would be the next file that is opened. Standard output becomes one that cannot be written,
/// which is said at the end; the two others are empty.
void open_standard_streams() {
  constexpr std::array kFlags = {O_RDONLY, O_RDONLY, O_WRONLY};
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", kFlags[static_cast<std::size_t>(fd)]) < 0) ::_exit(kBadInput);
}

/// A line on stderr, which may be full or gone.
void complain(const char* name, std::string_view line) { std::fputs(text_line("{}: {}", name, line).c_str(), stderr); }

/// At every end of a program: what was written and has not reached standard output is an error, whatever was found.
void check_output() {
  const bool failed_before = std::ferror(stdout) != 0;
  if (failed_before) std::clearerr(stdout), std::fputc('\n', stdout);  // fails again, and says why
  if (std::fflush(stdout) == 0 && !failed_before) return;
  complain(program_invocation_short_name, fmt::format("standard output cannot be written: {}", std::strerror(errno)));
  ::_exit(kBadInput);
}

}  // namespace

int run_program(const char* name, int argc, char** argv, int (*run)(int, char**)) {
  open_standard_streams();
  std::atexit(check_output);
  std::signal(SIGCHLD, SIG_DFL);  // where the caller ignores it, no child could be waited for
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the file size limit then fails with an error
  clean_up_at_signals();
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    complain(name, error.what());
    return error.exit_code();
  } catch (const std::filesystem::filesystem_error& error) {
    const std::string where = error.path1().empty() ? "the current folder" : error.path1().string();
    complain(name, fmt::format("{}: {}", where, error.code().message()));
    return kBadInput;
  } catch (const std::bad_alloc&) {
    complain(name, "out of memory");
    return kBadInput;
  } catch (const std::exception& error) {
    if (std::ferror(stdout) != 0) return kBadInput;  // fmt throws then; check_output() says it
    const bool is_ours = dynamic_cast<const std::runtime_error*>(&error) == nullptr;  // else: no thread can be made
    complain(name, fmt::format("{}: {}", is_ours ? "internal error" : "the system refuses", error.what()));
    return kBadInput;
  }
}

}  // namespace w4::cases
