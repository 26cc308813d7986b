// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace w4::cases::matrix {

/// The files of matrix/page/, unchanged, embedded by embed.cmake; one string a file.
struct PagePieces {
  std::span<const std::string_view> html, css, scripts;
};
PagePieces page_pieces();

}  // namespace w4::cases::matrix
