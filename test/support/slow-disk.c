/*
 * A disk that flushes slowly, fails, or is traced. Loaded into a process with LD_PRELOAD. It affects only files of SLOW_DISK_FOLDER.
 *
 * SLOW_DISK_CONTROL names a file that is read at each flush: "DELAY_MS ERRNO FROM COUNT SUFFIX". A flush takes DELAY_MS longer;
 * if it is negative the flush does not end.
 * With ERRNO, the first FROM flushes pass and the next COUNT fail, counted since the control file changed. Only flushes of
 * files whose name ends in SUFFIX count; without SUFFIX all do.
 *
 * SLOW_DISK_TRACE names a file to which every write, new size, flush and deletion is appended, in the order in which they
 * happen: a line "KIND NAME OFFSET LENGTH RESULT", and after the line of a write its LENGTH bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int trace_fd = -1;

/* The file's name within the folder, "." for the folder itself; NULL for what is elsewhere. */
static const char *inside(const char *path) {
  const char *folder = getenv("SLOW_DISK_FOLDER");
  size_t length = folder ? strlen(folder) : 0;
  if (length == 0 || strncmp(path, folder, length) != 0) return NULL;
  if (path[length] == 0) return ".";
  return path[length] == '/' ? path + length + 1 : NULL;
}

static const char *name_of(int fd, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return NULL;
  path[length] = 0;
  return inside(path);
}

static void append(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t written = syscall(SYS_write, trace_fd, at, length);
    if (written <= 0) abort();
    at += written;
    length -= written;
  }
}

/* The caller holds the lock. */
static void trace(const char *kind, const char *name, long long offset, const void *bytes, long long length, int result) {
  const char *file = getenv("SLOW_DISK_TRACE");
  if (!file) return;
  if (trace_fd < 0) trace_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (trace_fd < 0) abort();
  char line[512];
  int size = snprintf(line, sizeof line, "%s %s %lld %lld %d\n", kind, name, offset, length, result);
  append(line, size);
  if (bytes && length > 0) append(bytes, length);
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static ssize_t traced_write(int fd, const void *bytes, size_t length, off64_t offset) {
  char path[4096];
  const char *name = name_of(fd, path, sizeof path);
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  if (!name) return real(fd, bytes, length, offset);
  pthread_mutex_lock(&lock);
  ssize_t written = real(fd, bytes, length, offset);
  int error = errno;
  if (written > 0) trace("write", name, offset, bytes, written, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return traced_write(fd, bytes, length, offset); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return traced_write(fd, bytes, length, offset); }

ssize_t write(int fd, const void *bytes, size_t length) {
  char path[4096];
  if (!name_of(fd, path, sizeof path)) return syscall(SYS_write, fd, bytes, length);
  /* Node appends with it. */
  off64_t end = lseek64(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
  ssize_t written = traced_write(fd, bytes, length, end);
  if (written > 0) lseek64(fd, end + written, SEEK_SET);
  return written;
}

static int traced_size(int fd, off64_t size) {
  char path[4096];
  const char *name = name_of(fd, path, sizeof path);
  REAL(int, "ftruncate64", int, off64_t);
  if (!name) return real(fd, size);
  pthread_mutex_lock(&lock);
  int result = real(fd, size);
  int error = errno;
  if (result == 0) trace("size", name, size, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int ftruncate64(int fd, off64_t size) { return traced_size(fd, size); }
int ftruncate(int fd, off_t size) { return traced_size(fd, size); }

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  const char *name = inside(path);
  if (!name) return real(path);
  pthread_mutex_lock(&lock);
  int result = real(path);
  int error = errno;
  if (result == 0) trace("delete", name, 0, NULL, 0, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

/* How much longer the flush takes, and the error with which it fails; 0 for none. The caller holds the lock. */
static int ordered(const char *name, int *delay_ms) {
  static char known[256];
  static long seen;
  const char *file = getenv("SLOW_DISK_CONTROL");
  char text[256] = "", suffix[128] = "";
  int error = 0;
  long from = 0, count = 0;
  *delay_ms = 0;
  int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0 || sscanf(text, "%d %d %ld %ld %127s", delay_ms, &error, &from, &count, suffix) < 4) return 0;
  if (strcmp(text, known) != 0) seen = 0;
  strcpy(known, text);
  size_t all = strlen(name), end = strlen(suffix);
  if (end > all || strcmp(name + all - end, suffix) != 0) return 0;
  long number = seen++;
  return number >= from && number < from + count ? error : 0;
}

static int flushed(int fd, long number) {
  char path[4096];
  const char *name = name_of(fd, path, sizeof path);
  if (!name) return syscall(number, fd);
  pthread_mutex_lock(&lock);
  trace("flush", name, fd, NULL, 0, 0);
  int delay_ms;
  int error = ordered(name, &delay_ms);
  pthread_mutex_unlock(&lock);
  while (delay_ms < 0) {
    usleep(1000);
    pthread_mutex_lock(&lock);
    error = ordered(name, &delay_ms);
    pthread_mutex_unlock(&lock);
  }
  struct timespec pause = {delay_ms / 1000, (delay_ms % 1000) * 1000000L};
  if (delay_ms > 0) nanosleep(&pause, NULL);
  /* The machine does not lose power in a test. Only the time of the flush must be real. */
  int result = error ? -1 : getenv("SLOW_DISK_TRACE") ? 0 : syscall(number, fd);
  if (!error && result < 0) error = errno;
  pthread_mutex_lock(&lock);
  trace("flushed", name, fd, NULL, 0, error);
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int fsync(int fd) { return flushed(fd, SYS_fsync); }
int fdatasync(int fd) { return flushed(fd, SYS_fdatasync); }
