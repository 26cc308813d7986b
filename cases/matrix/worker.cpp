// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/worker.h"

#include "fixtures/error.h"
#include "fixtures/files/json_dump.h"

#include <sys/socket.h>
#include <tbb/global_control.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace w4::cases::matrix {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

RunPlan plan_of(const json& value) {
  return {.inject = value.at("inject"),
          .settings = value.at("settings"),
          .times = value.at("times"),
          .timeout_seconds = value.at("timeout_seconds")};
}

/// Sends the check's record at once, so that it is not lost when a search is ended later.
void answer(CaseRunner& runner, const json& request) {
  const CaseId id = parse_case(request.at("case").get<std::string>());
  Record record = runner.check(id);
  const bool search = request.at("bisect").get<bool>() && is_red(record.outcome);
  write_line(kWorkerChannel, {{"record", json_of(record)}, {"done", !search}});
  if (!search) return;
  runner.find(id, record);
  write_line(kWorkerChannel, {{"record", json_of(record)}, {"done", true}});
}

void serve(const std::string& plan) {
  const json words = json::parse(plan);
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, words.at("threads"));
  if (words.contains("scratch")) ::setenv("TMPDIR", words["scratch"].get<std::string>().c_str(), 1);
  CaseRunner runner(plan_of(words));
  std::string buffer, line;
  do {
    while (take_line(buffer, line)) answer(runner, json::parse(line));
  } while (read_more(kWorkerChannel, buffer));
}

}  // namespace

json json_of(const RunPlan& plan) {
  return {{"inject", plan.inject},
          {"settings", plan.settings},
          {"times", plan.times},
          {"timeout_seconds", plan.timeout_seconds}};
}

bool read_more(int channel, std::string& buffer) {
  char bytes[1 << 16];
  for (;;) {
    const ssize_t count = ::read(channel, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count > 0) buffer.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }
}

bool take_line(std::string& buffer, std::string& line) {
  const std::size_t end = buffer.find('\n');
  if (end == buffer.npos) return false;
  line = buffer.substr(0, end);
  buffer.erase(0, end + 1);
  return true;
}

bool write_line(int channel, const ordered_json& value) {
  const std::string text = fixtures::files::dumped(value) + "\n";
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t count = ::send(channel, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

int serve_cases(const std::string& plan) {
  try {
    serve(plan);
  } catch (const std::runtime_error& error) {  // an Error, or a thread that cannot be made
    write_line(kWorkerChannel, {{"bad_input", error.what()}});
  } catch (const std::bad_alloc&) {
    write_line(kWorkerChannel, {{"bad_input", "out of memory"}});
  }
  return 0;
}

}  // namespace w4::cases::matrix
