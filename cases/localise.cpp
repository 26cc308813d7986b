// SPDX-License-Identifier: Apache-2.0
#include "cases/localise.h"

#include <fmt/format.h>

namespace w4::cases {

Culprit localise(const Prepared&, Box&, const kernel::Launch&, Evidence&, int tried,
                 const std::function<void(std::string_view)>&) {
  return {.stage = "", .fault = "unexplained", .evidence = {fmt::format("tried {}", tried)}};
}

}  // namespace w4::cases
