// SPDX-License-Identifier: Apache-2.0
#include "cases/matrix/finding_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace w4::cases::matrix {
namespace {

using nlohmann::ordered_json;

std::string text_of(const ordered_json& culprit) {
  const std::string stage = culprit.value("stage", ""), cure = culprit.value("cure", ""),
                    rerun = culprit.value("rerun", "");
  std::string text = "culprit: " + culprit.value("fault", "");
  text += stage.empty() ? "\n" : " in stage " + stage + "\n";
  for (const ordered_json& line : culprit.value("evidence", ordered_json::array()))
    text += "  " + line.get<std::string>() + "\n";
  if (!cure.empty()) text += "  cure: " + cure + "\n";
  if (!rerun.empty()) text += "  alone: " + rerun + "\n";
  return text;
}

std::string text_of(const ErrorFigures& error) {
  return fmt::format("error: max z {:.4g}, rms z {:.4g}, nrmse {:.3e}, gain {:.6g}\n", error.max_z, error.rms_z,
                     error.nrmse, error.gain);
}

}  // namespace

std::string finding_text(const Record& record) {
  std::string text = record.reason.empty() ? "" : record.reason + "\n";
  if (record.finding.is_object())
    for (const ordered_json& culprit : record.finding.value("culprits", ordered_json::array()))
      text += text_of(culprit);
  if (record.error) text += text_of(*record.error);
  if (record.times > 1) text += fmt::format("repeated: {} of {} runs were no pass\n", record.failed, record.times);
  return text + (record.rerun.empty() ? "" : "rerun: " + record.rerun + "\n");
}

}  // namespace w4::cases::matrix
