// SPDX-License-Identifier: Apache-2.0
// A plug-in with the fault W4_PLANTED.
#include "kernel/planted/planted.h"

extern "C" const W4Plugin* w4_plugin(void) { return w4::kernel::planted::planted_plugin(W4_PLANTED); }
