/* Counts what a process does to the files in one folder, and kills it, tears a write or fills the disk at a chosen operation.

Loaded before the C library (LD_PRELOAD), it sees what Python, NumPy, h5py and HDF5 do alike. It does nothing until a process calls
faults_arm. Modes: "before" and "after" kill the process there; "torn" writes half of the bytes before; "full" lets whatever needs
room fail from there on with ENOSPC; "once" lets that operation alone fail, with EIO; "watch" does nothing, and
counts every file that is opened. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BEFORE, AFTER, TORN, FULL, ONCE, WATCH, NEVER };
static const char *const MODES[] = {"before", "after", "torn", "full", "once", "watch", "never"};
static char folder[4096];
static size_t length;
static long count, chosen;
static int mode = NEVER, log_file = -1;

void faults_arm(const char *where, long at, const char *how, const char *log_path) {
    for (mode = BEFORE; mode < NEVER && strcmp(MODES[mode], how); mode++) {}
    strncpy(folder, where, sizeof folder - 1);
    chosen = at;
    count = 0;
    log_file = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    length = strlen(folder);
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

static int inside(const char *path) { return length && !strncmp(path, folder, length) && (!path[length] || path[length] == '/'); }

static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, 4095);
    path[n < 0 ? 0 : n] = 0;
    return inside(path);
}

static int named(int at, const char *name, char *path) {
    path[0] = 0;
    if (!length || !name) return 0;
    if (name[0] == '/') {
        strncpy(path, name, 4095);
    } else {
        if (at == AT_FDCWD) {
            if (syscall(SYS_getcwd, path, 4095) < 0) return 0;
        } else {
            path_of(at, path);
        }
        strncat(path, "/", 4095 - strlen(path));
        strncat(path, name, 4095 - strlen(path));
    }
    path[4095] = 0;
    return inside(path);
}

/* Notes one more operation; 1 if it must fail, errno being set. */
static int begins(const char *what, const char *path, int needs_room, long *mine) {
    char line[4400];
    *mine = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    int n = snprintf(line, sizeof line, "%s\t%s\n", what, path);
    if (log_file >= 0) syscall(SYS_write, log_file, line, n);
    if (*mine == chosen && mode == BEFORE) die();
    if ((mode == FULL && needs_room && *mine >= chosen) || (mode == ONCE && *mine == chosen)) {
        errno = mode == FULL ? ENOSPC : EIO;
        return 1;
    }
    return 0;
}

static long ends(long mine, long result) {
    if (mine == chosen && (mode == AFTER || mode == TORN)) die();
    return result;
}

#define PLAIN(what, path, needs_room, call)         \
    long mine;                                      \
    if (begins(what, path, needs_room, &mine)) return -1; \
    if (mine == chosen && mode == TORN) die();      \
    return ends(mine, call);

ssize_t write(int file, const void *data, size_t n) {
    char path[4096];
    long mine;
    if (!length || !path_of(file, path)) return syscall(SYS_write, file, data, n);
    if (begins("write", path, 1, &mine)) return -1;
    if (mine == chosen && mode == TORN) syscall(SYS_write, file, data, n / 2), die();
    return ends(mine, syscall(SYS_write, file, data, n));
}

ssize_t pwrite64(int file, const void *data, size_t n, off64_t offset) {
    char path[4096];
    long mine;
    if (!length || !path_of(file, path)) return syscall(SYS_pwrite64, file, data, n, offset);
    if (begins("write", path, 1, &mine)) return -1;
    if (mine == chosen && mode == TORN) syscall(SYS_pwrite64, file, data, n / 2, offset), die();
    return ends(mine, syscall(SYS_pwrite64, file, data, n, offset));
}
ssize_t pwrite(int file, const void *data, size_t n, off_t offset) { return pwrite64(file, data, n, offset); }

ssize_t writev(int file, const struct iovec *parts, int n) {
    char path[4096];
    if (!length || !path_of(file, path)) return syscall(SYS_writev, file, parts, n);
    PLAIN("write", path, 1, syscall(SYS_writev, file, parts, n))
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t n) {
    char path[4096];
    if (!length || !path_of(out, path)) return syscall(SYS_sendfile, out, in, offset, n);
    PLAIN("write", path, 1, syscall(SYS_sendfile, out, in, offset, n))
}
ssize_t sendfile(int out, int in, off_t *offset, size_t n) { return sendfile64(out, in, (off64_t *)offset, n); }

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned flags) {
    char path[4096];
    if (!length || !path_of(out, path)) return syscall(SYS_copy_file_range, in, from, out, to, n, flags);
    PLAIN("write", path, 1, syscall(SYS_copy_file_range, in, from, out, to, n, flags))
}

static int flush(int file, int call) {
    char path[4096];
    if (!length || !path_of(file, path)) return syscall(call, file);
    PLAIN("fsync", path, 1, syscall(call, file))
}
int fsync(int file) { return flush(file, SYS_fsync); }
int fdatasync(int file) { return flush(file, SYS_fdatasync); }

int ftruncate64(int file, off64_t size) {
    char path[4096];
    if (!length || !path_of(file, path)) return syscall(SYS_ftruncate, file, size);
    PLAIN("truncate", path, 1, syscall(SYS_ftruncate, file, size))
}
int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

/* A file is closed even if closing it reports an error. */
int close(int file) {
    char path[4096];
    long mine;
    int writing = length && (syscall(SYS_fcntl, file, F_GETFL) & O_ACCMODE) != O_RDONLY;
    if (!writing || !path_of(file, path)) return syscall(SYS_close, file);
    int fails = begins("close", path, 0, &mine), result = syscall(SYS_close, file);
    if (fails) errno = EIO;
    return fails ? -1 : ends(mine, result);
}

static int opened(int at, const char *name, int flags, mode_t permissions) {
    char path[4096];
    int counts = mode == WATCH || flags & (O_CREAT | O_TRUNC);
    if (!counts || !named(at, name, path)) return syscall(SYS_openat, at, name, flags, permissions);
    PLAIN("create", path, 1, syscall(SYS_openat, at, name, flags, permissions))
}
#define OPEN(at)                                                          \
    va_list rest;                                                         \
    va_start(rest, flags);                                                \
    mode_t permissions = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                         \
    return opened(at, name, flags, permissions);
int open(const char *name, int flags, ...) { OPEN(AT_FDCWD) }
int open64(const char *name, int flags, ...) { OPEN(AT_FDCWD) }
int openat(int at, const char *name, int flags, ...) { OPEN(at) }
int openat64(int at, const char *name, int flags, ...) { OPEN(at) }

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    char path[4096];
    if (!named(to_at, to, path)) return syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    PLAIN("rename", path, 1, syscall(SYS_renameat2, from_at, from, to_at, to, flags))
}
int renameat(int from_at, const char *from, int to_at, const char *to) { return renameat2(from_at, from, to_at, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    char path[4096];
    if (!named(to_at, to, path)) return syscall(SYS_linkat, from_at, from, to_at, to, flags);
    PLAIN("link", path, 1, syscall(SYS_linkat, from_at, from, to_at, to, flags))
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int at, const char *name, int flags) {
    char path[4096];
    if (!named(at, name, path)) return syscall(SYS_unlinkat, at, name, flags);
    PLAIN("unlink", path, 0, syscall(SYS_unlinkat, at, name, flags))
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int at, const char *name, mode_t permissions) {
    char path[4096];
    if (!named(at, name, path)) return syscall(SYS_mkdirat, at, name, permissions);
    PLAIN("mkdir", path, 1, syscall(SYS_mkdirat, at, name, permissions))
}
int mkdir(const char *name, mode_t permissions) { return mkdirat(AT_FDCWD, name, permissions); }
