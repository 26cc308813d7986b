// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cases/matrix/record.h"

#include <string>
#include <vector>

namespace w4::cases::matrix {

/// The shards of one run joined to a whole result, in the order of the set: record j (from 0) of shard i of n is case
/// j * n + i - 1. The same bytes whatever the order of the arguments. `names` are the files, for messages.
/// A shard may be given more than once (a job that was restarted): one file must hold all of it. Of two records of a
/// case with the same outcome one is taken: with a finding before without, then the one whose text sorts first. Throws
/// InputError for gaps (a shard that is missing or not finished; says which and how many cases) and for contradictions
/// (headings that differ in more than the shard, a case with two outcomes or in two shards).
/// The result says what all of them were made with.
Results merged(const std::vector<Results>& results, const std::vector<std::string>& names);

/// Of records that are not all made with the same: "2 versions of the program, 3 of plugin:./k.so"; otherwise empty.
std::string versions_text(const std::vector<Record>& records);

}  // namespace w4::cases::matrix
