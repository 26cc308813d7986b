/* SPDX-License-Identifier: Apache-2.0 */
/* The example plug-in with one thing wrong: compiled once for each FAULT, a string. */
#define _GNU_SOURCE
#define w4_plugin sound_plugin
#include "docs/examples/plugin_host.c"
#undef w4_plugin

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static size_t outputs_of(const W4Call* call) { return (size_t)call->M * (size_t)call->N; }

static int returns_code(const W4Call* call) { return call->M > 0 ? 2 : 0; }
static int refuses(const W4Call* call) { return call->M > 0 ? 1 : 0; }
static int refuses_again(const W4Call* call) { return call->number > 0 ? 1 : run(call); }
static int segfaults(const W4Call* call) { return *(volatile int*)(size_t)(4 * call->number); }
static int aborts(const W4Call* call) {
  (void)call;
  abort();
}
static int exits(const W4Call* call) {
  (void)call;
  _exit(3);
}
static int exits_well(const W4Call* call) {
  (void)call;
  exit(0);
}
static int spins(const W4Call* call) {
  for (volatile int lock = call->M > 0; lock != 0;) {
  }
  return 0;
}
static int writes_nothing(const W4Call* call) { return call->M > 0 ? 0 : 1; }
static int writes_half(const W4Call* call) {
  W4Call part = *call;
  part.M = call->M / 2;
  return run(&part);
}
static int writes_zeros(const W4Call* call) {
  memset(call->C, 0, outputs_of(call) * 2);
  return 0;
}
static int writes_nan(const W4Call* call) {
  run(call);
  call->C[1] = 0x7FFF;
  return 0;
}
static int writes_behind(const W4Call* call) {
  run(call);
  memset(call->C + outputs_of(call) + 4, 0, 64);
  return 0;
}
static int writes_before(const W4Call* call) {
  run(call);
  call->C[-1] = 0;
  return 0;
}
static int changes_input(const W4Call* call) {
  run(call);
  ((uint32_t*)(size_t)call->words)[5] ^= 1;
  return 0;
}
static int leaves_workspace(const W4Call* call) {
  int* locks = call->workspace;
  if (locks[0] != 0) return 7; /* as the next launch meets it */
  locks[0] = 1;
  locks[3] = 2;
  return run(call);
}
static int leaves_workspace_later(const W4Call* call) { /* not in the first launch */
  ((int32_t*)call->workspace)[0] = call->number == 1;
  return run(call);
}
static int forgets_bias(const W4Call* call) {
  W4Call without = *call;
  without.bias = NULL;
  return run(&without);
}
static int adds_up(const W4Call* call) { /* differs from launch to launch */
  run(call);
  for (size_t i = 0; i < 3; ++i) call->C[i] ^= (uint16_t)(call->number << 13);
  return 0;
}
static int prints(const W4Call* call) {
  printf("a line that must not get into the report\n");
  return run(call);
}
static int survives_once(const W4Call* call) { /* the second launch in one process ends it */
  static int launches;
  if (++launches == 2) raise(SIGFPE);
  return run(call);
}
static int spoils_few_rows(const W4Call* call) { /* in no known way, and only grouped with at most 24 rows */
  run(call);
  if (call->M <= 24 && call->groups > 1)
    for (size_t i = 3; i < outputs_of(call); i += 7) call->C[i] ^= 0x0155;
  return 0;
}
static int fails_two_ways(const W4Call* call) { /* a code with few rows, and spoils_few_rows */
  return call->M <= 8 ? 3 : spoils_few_rows(call);
}
enum { CHANNEL = 3, MEMORY = 4 }; /* descriptors of the worker */
static int writes_on_channel(const W4Call* call) {
  if (write(CHANNEL, "garbage", 7) != 7) return 5;
  return run(call);
}
static int shrinks_memory(const W4Call* call) {
  if (ftruncate(MEMORY, 0) == 0) return 5; /* would end by SIGBUS whoever reads it */
  return run(call);
}
static int leaves_children(const W4Call* call) { /* in sessions of their own, and their parent ends */
  if (fork() == 0) {
    setsid();
    if (fork() == 0) execlp("sleep", "sleep", "300", NULL);
    _exit(0);
  }
  return run(call);
}
static int leaves_children_and_spins(const W4Call* call) {
  leaves_children(call);
  return spins(call);
}

#define FAULT_NAMED(name) {#name, name}
static const struct Fault {
  const char* name;
  int (*run)(const W4Call*);
} kFaults[] = {
    FAULT_NAMED(returns_code),
    FAULT_NAMED(refuses),
    FAULT_NAMED(refuses_again),
    FAULT_NAMED(segfaults),
    FAULT_NAMED(aborts),
    FAULT_NAMED(exits),
    FAULT_NAMED(exits_well),
    FAULT_NAMED(spins),
    FAULT_NAMED(writes_nothing),
    FAULT_NAMED(writes_half),
    FAULT_NAMED(writes_zeros),
    FAULT_NAMED(writes_nan),
    FAULT_NAMED(writes_behind),
    FAULT_NAMED(writes_before),
    FAULT_NAMED(changes_input),
    FAULT_NAMED(leaves_workspace),
    FAULT_NAMED(leaves_workspace_later),
    FAULT_NAMED(forgets_bias),
    FAULT_NAMED(adds_up),
    FAULT_NAMED(prints),
    FAULT_NAMED(survives_once),
    FAULT_NAMED(spoils_few_rows),
    FAULT_NAMED(fails_two_ways),
    FAULT_NAMED(writes_on_channel),
    FAULT_NAMED(shrinks_memory),
    FAULT_NAMED(leaves_children),
    FAULT_NAMED(leaves_children_and_spins),
};

static int64_t endless(const W4Call* call) { return INT64_MAX / call->M; }

static W4Plugin bad;

const W4Plugin* w4_plugin(void) {
  bad = *sound_plugin();
  for (size_t i = 0; i < sizeof kFaults / sizeof *kFaults; ++i)
    if (strcmp(kFaults[i].name, FAULT) == 0) bad.run = kFaults[i].run;
  if (strcmp(FAULT, "other_version") == 0) bad.version = 99;
  if (strcmp(FAULT, "device_pointers") == 0) bad.pointers = W4_DEVICE;
  if (strcmp(FAULT, "takes_no_bias") == 0) bad.extras = 0;
  if (strcmp(FAULT, "asks_too_much") == 0) bad.workspace_bytes = endless;
  if (strcmp(FAULT, "fails_to_load") == 0) raise(SIGSEGV);
  if (strcmp(FAULT, "never_loads") == 0) pause();
  if (strcmp(FAULT, "writes_while_loading") == 0 && write(CHANNEL, "x", 1) != 1) return NULL;
  return &bad;
}
