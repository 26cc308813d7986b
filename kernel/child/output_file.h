// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fixtures/files/tensor.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace w4::kernel::child {

/// A file's C (M, N) as bits of `dtype`: fp16 and bf16 unchanged (bf16 also as uint16, since NumPy has no bf16), fp32
/// and fp64 rounded. Throws InputError with `where` and both shapes or both types.
Grid<std::uint16_t> output_of(const fixtures::files::Tensor& C, DType dtype, int M, int N, const std::string& where);

/// The array of a .npy file that another process may still write: read, not mapped. Throws InputError.
fixtures::files::Tensor read_npy_at_once(const std::filesystem::path& path);

}  // namespace w4::kernel::child
