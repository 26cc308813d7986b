// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/proof/confusion.h"

#include <filesystem>
#include <map>
#include <string>

namespace w4::cases::proof {

/// Measurements on a GPU by fault id, stored as a table of two columns.
using OnGpu = std::map<std::string, std::string>;

/// "5 of 5 cases, at most 6 launches", for every fault that shows on a kernel.
OnGpu gpu_column(const std::vector<Trial>& trials);
void write_gpu_column(const OnGpu& column, const std::filesystem::path& file);
OnGpu read_gpu_column(const std::filesystem::path& file);  // throws InputError

/// Every row of the catalogue: stage, probes that see it, launches until it is named on the CPU and on a GPU; or why it
/// cannot be tested, and what covers it instead.
std::string catalogue_markdown(const std::vector<Trial>& singles, const OnGpu& on_gpu);

}  // namespace w4::cases::proof
