// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/proof/confusion.h"

#include <filesystem>
#include <map>
#include <string>

namespace w4::cases::proof {

/// What was measured on a GPU, by fault id: written and read as a table of two columns.
using OnGpu = std::map<std::string, std::string>;

/// "5 of 5 cases, at most 6 launches", for every fault that shows on a kernel.
OnGpu gpu_column(const std::vector<Trial>& trials);
void write_gpu_column(const OnGpu& column, const std::filesystem::path& file);
OnGpu read_gpu_column(const std::filesystem::path& file);  // throws InputError

/// Every row of the catalogue: where it is planted, which probes see it, with how many launches it is named on the CPU
/// and on a GPU; or why it is out of reach, and what says something of it all the same.
std::string catalogue_markdown(const std::vector<Trial>& singles, const OnGpu& on_gpu);

}  // namespace w4::cases::proof
