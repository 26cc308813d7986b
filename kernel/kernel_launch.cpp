// SPDX-License-Identifier: Apache-2.0
#include "kernel/kernel_launch.h"

#include <fmt/format.h>

namespace w4::kernel {

namespace {

std::string size_text(const std::array<int, 3>& size) {
  if (size[1] == 1 && size[2] == 1) return fmt::format("{}", size[0]);
  return fmt::format("{}x{}x{}", size[0], size[1], size[2]);
}

}  // namespace

std::string KernelLaunch::text() const {
  std::string line = fmt::format("{} grid {}, block {}, shared {} of {} bytes", kernel, size_text(grid),
                                 size_text(block), dynamic_bytes + static_bytes, dynamic_bytes_allowed + static_bytes);
  if (binary_version > 0)
    line += fmt::format(", {} registers, sm_{} from PTX of compute_{}", registers, binary_version, ptx_version);
  if (!on_given_stream) line += ", not on the stream it was given";
  if (!error.empty()) line += ": " + error;
  return line;
}

}  // namespace w4::kernel
