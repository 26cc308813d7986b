// SPDX-License-Identifier: Apache-2.0
#include "cases/judge/oracle.h"
#include "cases/judge/pictures.h"
#include "cases/matrix/page.h"
#include "cases/tests/cases/matrix/made_results.h"
#include "fixtures/half.h"
#include "kernel/run.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

using namespace w4;
using namespace w4::cases;
using namespace w4::cases::matrix;

namespace {

constexpr std::uint16_t kFill = kernel::Launch{}.fill;

/// An output of ones, each with an error bound of some thousandths.
judge::Expected ones(int M, int N) {
  const auto count = static_cast<std::size_t>(M) * static_cast<std::size_t>(N);
  return {.M = M,
          .N = N,
          .K = 16,
          .dtype = DType::fp16,
          .y = std::vector<double>(count, 1),
          .norm = std::vector<double>(count, 1),
          .variance = std::vector<double>(count, 1)};
}

Grid<std::uint16_t> output(int M, int N, std::initializer_list<std::pair<std::size_t, std::uint16_t>> wrong) {
  return Grid<std::uint16_t>::made(M, N, [&](std::span<std::uint16_t> out) {
    std::fill(out.begin(), out.end(), bits_of(1.0f, DType::fp16));
    for (const auto& [at, bits] : wrong) out[at] = bits;
  });
}

}  // namespace

TEST_CASE("pictures: a right output is level 0 everywhere and has no wrong elements") {
  const auto pictures = judge::pictures_of(output(4, 64, {}), ones(4, 64), kFill);
  CHECK(pictures["errors"]["rows"] == 4);
  CHECK(pictures["errors"]["cols"] == 64);
  for (const auto& row : pictures["errors"]["levels"]) CHECK(row == std::string(64, '0'));
  CHECK(pictures["first_wrong"].empty());
}

TEST_CASE("pictures: what was never written and NaN and infinity are told apart") {
  const auto pictures = judge::pictures_of(output(1, 64, {{3, kFill}, {5, 0x7E00}, {9, 0x7C00}}), ones(1, 64), kFill);
  const std::string row = pictures["errors"]["levels"][0];
  CHECK(row[3] == 'U');
  CHECK(row[5] == 'N');
  CHECK(row[9] == 'I');
  CHECK(std::count(row.begin(), row.end(), '0') == 61);
  REQUIRE(pictures["first_wrong"].size() == 3);
  CHECK(pictures["first_wrong"][0]["n"] == 3);
  CHECK(pictures["first_wrong"][0]["is"] == "unwritten");
}

TEST_CASE("pictures: a cell of a large output shows its worst element") {
  const std::size_t at = std::size_t{100} * 1024 + 777;
  const auto pictures =
      judge::pictures_of(output(128, 1024, {{at, bits_of(9.0f, DType::fp16)}}), ones(128, 1024), kFill);
  CHECK(pictures["errors"]["m_per_cell"] == 2);
  CHECK(pictures["errors"]["n_per_cell"] == 16);
  const std::string row = pictures["errors"]["levels"][50];
  CHECK(row[48] != '0');
  CHECK(std::count(row.begin(), row.end(), '0') == 63);
}

TEST_CASE("pictures: one wrong column lights the codes that feed it and no others") {
  std::vector<std::string> tile =
      judge::pictures_of(output(1, 128, {{64 + 37, kFill}}), ones(1, 128), kFill)["tile"]["levels"];
  REQUIRE(tile.size() == 32);
  for (int lane = 0; lane < 32; ++lane) {
    for (int word = 0; word < 4; ++word) {
      for (int slot = 0; slot < 8; ++slot) {
        const int e = 2 * (slot % 4) + slot / 4;  // design.md, section 3
        const int n = 16 * word + lane / 4 + 8 * (e / 4);
        CHECK((tile[static_cast<std::size_t>(lane)][static_cast<std::size_t>(8 * word + slot)] == 'U') == (n == 37));
      }
    }
  }
}

TEST_CASE("pictures: the histogram counts every finite element once") {
  const auto h =
      judge::pictures_of(output(8, 64, {{0, bits_of(50.0f, DType::fp16)}, {1, bits_of(-50.0f, DType::fp16)}}),
                         ones(8, 64), kFill)["histogram"];
  std::size_t sum = h["below"].get<std::size_t>() + h["above"].get<std::size_t>();
  for (const std::size_t count : h["counts"]) sum += count;
  CHECK(sum == 8 * 64);
  CHECK(h["below"] == 1);
  CHECK(h["above"] == 1);
}

TEST_CASE("page: text that looks like the end of a script stays inside its data") {
  const std::string page = page_of(result_of({{.case_text = "M1_K64_N64_g64_sym_fp16_r_s1",
                                               .outcome = Outcome::crashed,
                                               .reason = "</script><!-- <b>",
                                               .rerun = "./bisect"}}),
                                   nullptr);
  CHECK(page.find("</script><!--") == std::string::npos);
  CHECK(page.find("http://") == page.find("http://www.w3.org/"));  // the namespace of SVG: no address is asked
  CHECK(page.find("https://") == std::string::npos);
}

TEST_CASE("page: ten thousand failures with pictures stay under twenty megabytes and it says what is left out") {
  Record record{.case_text = "",
                .outcome = Outcome::fail,
                .reason = "2048 of 4096 outputs beyond the bound",
                .finding = {{"culprits", {{{"stage", "tiles"}, {"fault", "tile-order-swap"}}}},
                            {"stages", nlohmann::ordered_json::array()}},
                .pictures = judge::pictures_of(output(64, 512, {}), ones(64, 512), kFill),
                .rerun = "./bisect r 128"};
  Results results{.heading = {.set = "ci", .cases = 10000}, .records = {}};
  for (int i = 0; i < 10000; ++i) {
    record.case_text = "M64_K512_N512_g128_sym_fp16_r_s" + std::to_string(i);
    results.records.push_back(record);
  }
  const std::string page = page_of(results, nullptr);
  CHECK(page.size() < 20'000'000);
  CHECK(page.size() > 1'000'000);
  CHECK(page.find("\"left_out\":{\"findings\":0,\"pictures\":0}") == std::string::npos);
}
