/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded before a program (LD_PRELOAD): its W4_FAIL_NTH-th call of the kind W4_FAIL_CALL fails, or, with W4_FAIL_SIGNAL, the
   program gets that signal before it. The file W4_FAIL_MARK is made. All other calls go to the system. In C, for the names
   are libc's own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whether this call is the one that fails; errno is set then. */
static bool fails(const char* kind, int problem) {
  static atomic_int calls;
  const char* asked = getenv("W4_FAIL_CALL");
  if (asked == NULL || strcmp(asked, kind) != 0 || ++calls != atoi(getenv("W4_FAIL_NTH"))) return false;
  const long mark = syscall(SYS_openat, AT_FDCWD, getenv("W4_FAIL_MARK"), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (mark >= 0) syscall(SYS_close, mark);
  const char* signal_number = getenv("W4_FAIL_SIGNAL");
  if (signal_number != NULL) {
    kill(getpid(), atoi(signal_number));
    return false;
  }
  errno = problem;
  return true;
}

static int opened(int folder, const char* path, int flags, mode_t mode) {
  return fails("open", EMFILE) ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
}

static mode_t mode_in(int flags, va_list more) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_in(flags, more);
  va_end(more);
  return opened(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = mode_in(flags, more);
  va_end(more);
  return opened(folder, path, flags, mode);
}

int open64(const char* path, int flags, ...) __attribute__((alias("open")));
int openat64(int folder, const char* path, int flags, ...) __attribute__((alias("openat")));

FILE* fopen(const char* path, const char* mode) {
  FILE* (*real)(const char*, const char*) = (FILE * (*)(const char*, const char*)) dlsym(RTLD_NEXT, "fopen");
  return fails("open", EMFILE) ? NULL : real(path, mode);
}
FILE* fopen64(const char* path, const char* mode) __attribute__((alias("fopen")));

ssize_t read(int fd, void* data, size_t size) { return fails("read", EIO) ? -1 : syscall(SYS_read, fd, data, size); }

ssize_t pread(int fd, void* data, size_t size, off_t at) {
  return fails("read", EIO) ? -1 : syscall(SYS_pread64, fd, data, size, at);
}
ssize_t pread64(int fd, void* data, size_t size, off64_t at) __attribute__((alias("pread")));

ssize_t write(int fd, const void* data, size_t size) {
  return fails("write", ENOSPC) ? -1 : syscall(SYS_write, fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return fails("write", ENOSPC) ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) __attribute__((alias("pwrite")));

/* Of libraries that write by streams. Standard streams remember a failure, which cannot be done here. */
size_t fwrite(const void* data, size_t size, size_t count, FILE* to) {
  size_t (*real)(const void*, size_t, size_t, FILE*) =
      (size_t(*)(const void*, size_t, size_t, FILE*))dlsym(RTLD_NEXT, "fwrite");
  return to != stdout && to != stderr && fails("write", ENOSPC) ? 0 : real(data, size, count, to);
}

size_t fread(void* data, size_t size, size_t count, FILE* from) {
  size_t (*real)(void*, size_t, size_t, FILE*) = (size_t(*)(void*, size_t, size_t, FILE*))dlsym(RTLD_NEXT, "fread");
  return fails("read", EIO) ? 0 : real(data, size, count, from);
}

int fsync(int fd) { return fails("fsync", EIO) ? -1 : (int)syscall(SYS_fsync, fd); }

int close(int fd) {
  const int closed = (int)syscall(SYS_close, fd); /* as Linux does, whatever it answers */
  return fails("close", EIO) ? -1 : closed;
}

int mkdir(const char* path, mode_t mode) {
  return fails("mkdir", ENOSPC) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int rename(const char* from, const char* to) {
  return fails("rename", EACCES) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  return fails("rename", EACCES) ? -1 : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

void* mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  if (fails("mmap", ENOMEM)) return MAP_FAILED;
  return (void*)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}
void* mmap64(void* at, size_t size, int protection, int flags, int fd, off64_t offset) __attribute__((alias("mmap")));

pid_t fork(void) {
  pid_t (*real)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
  return fails("fork", EAGAIN) ? -1 : real();
}
