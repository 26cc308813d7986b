// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/probe/box.h"
#include "cases/search/bisect.h"

namespace w4::cases::search {

/// bisect() for a black box: only its answers to probes are looked at.
report::Report bisect_box(const Prepared& prepared, probe::Box& box, const Options& options, const Progress& progress);

}  // namespace w4::cases::search
