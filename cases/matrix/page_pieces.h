// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace w4::cases::matrix {

/// The files of matrix/page/, as they are: the program carries them (embed.cmake). A file is one string.
struct PagePieces {
  std::span<const std::string_view> html, css, scripts;
};
PagePieces page_pieces();

}  // namespace w4::cases::matrix
