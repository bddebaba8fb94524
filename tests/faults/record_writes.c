/* Records what a program does to the files of one folder, for `power_cuts.py`: to be preloaded.
 *
 * HPC_NU_RECORD_FOLDER names the folder, HPC_NU_RECORD_LOG the file that gets, in the order of the calls, an entry for
 * each: a head of six int64 (kind, inode, offset, lengths of what follows), then two names and the bytes.  A change is
 * recorded before it is made and a sync after it has ended, so that no bytes count as synced that were not. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, RESIZE, SYNC, CREATE, RENAME, REMOVE, LINK, SAY };

#define ORIGINAL(name) \
    static __typeof__(&name) original; \
    if (!original) original = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void record(int64_t kind, int64_t inode, int64_t offset, const char *first, const char *second,
                   const void *bytes, size_t n) {
    static int log = -1;
    const char *path = getenv("HPC_NU_RECORD_LOG");
    int before = errno;
    if (!path) return;
    if (log < 0) log = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    int64_t head[6] = {kind, inode, offset, (int64_t)strlen(first), (int64_t)strlen(second), (int64_t)n};
    struct iovec parts[4] = {{head, sizeof head}, {(void *)first, strlen(first)}, {(void *)second, strlen(second)},
                             {(void *)bytes, n}};
    if (syscall(SYS_writev, log, parts, 4) != (ssize_t)(sizeof head + strlen(first) + strlen(second) + n)) abort();
    errno = before;
}

/* The name within the folder of an absolute or relative path; NULL if it is elsewhere. "" is the folder itself. */
static const char *within(const char *path, char *space) {
    const char *folder = getenv("HPC_NU_RECORD_FOLDER");
    char parent[PATH_MAX], *base;
    if (!folder || strlen(path) >= PATH_MAX) return NULL;
    if (strcmp(path, folder) == 0) return "";
    strcpy(parent, path);
    base = strrchr(parent, '/');
    if (base) *base++ = 0;
    else base = parent;
    if (!realpath(base == parent ? "." : *parent ? parent : "/", space) || strcmp(space, folder)) return NULL;
    return strcpy(space, base);
}

static const char *of_descriptor(int fd, char *space) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return NULL;
    path[n] = 0;
    if (n > 10 && !strcmp(path + n - 10, " (deleted)")) return NULL;
    return *path == '/' ? within(path, space) : NULL;
}

static int64_t inode_of(int fd) {
    struct stat status;
    return fstat(fd, &status) ? -1 : (int64_t)status.st_ino;
}

static void wrote(int fd, const void *bytes, size_t n, off_t offset) {
    char space[PATH_MAX];
    const char *name = of_descriptor(fd, space);
    if (fd == 2) record(SAY, 0, 0, "", "", bytes, n);
    else if (name && *name) record(WRITE, inode_of(fd), offset, name, "", bytes, n);
}

static off_t place(int fd) {
    int flags = fcntl(fd, F_GETFL);
    struct stat status;
    if (flags >= 0 && (flags & O_APPEND)) return fstat(fd, &status) ? 0 : status.st_size;
    return lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *bytes, size_t n) {
    ORIGINAL(write);
    wrote(fd, bytes, n, place(fd));
    return original(fd, bytes, n);
}

#define POSITIONED_WRITE(name, offset_type) \
    ssize_t name(int fd, const void *bytes, size_t n, offset_type offset) { \
        ORIGINAL(name); \
        wrote(fd, bytes, n, offset); \
        return original(fd, bytes, n, offset); \
    }
POSITIONED_WRITE(pwrite, off_t)
POSITIONED_WRITE(pwrite64, off64_t)

static void wrote_parts(int fd, const struct iovec *parts, int n, off_t offset) {
    for (int i = 0; i < n; offset += parts[i++].iov_len) wrote(fd, parts[i].iov_base, parts[i].iov_len, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    ORIGINAL(writev);
    wrote_parts(fd, parts, n, place(fd));
    return original(fd, parts, n);
}

#define POSITIONED_WRITEV(name, offset_type) \
    ssize_t name(int fd, const struct iovec *parts, int n, offset_type offset) { \
        ORIGINAL(name); \
        wrote_parts(fd, parts, n, offset); \
        return original(fd, parts, n, offset); \
    }
POSITIONED_WRITEV(pwritev, off_t)
POSITIONED_WRITEV(pwritev64, off64_t)

static void resized(int fd, int64_t length) {
    char space[PATH_MAX];
    const char *name = of_descriptor(fd, space);
    if (name && *name) record(RESIZE, inode_of(fd), length, name, "", NULL, 0);
}

#define TRUNCATE(name, offset_type) \
    int name(int fd, offset_type length) { \
        ORIGINAL(name); \
        resized(fd, length); \
        return original(fd, length); \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define ALLOCATE(name, offset_type) \
    int name(int fd, offset_type offset, offset_type length) { \
        ORIGINAL(name); \
        struct stat status; \
        if (!fstat(fd, &status) && status.st_size < offset + length) resized(fd, offset + length); \
        return original(fd, offset, length); \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

#define SYNCING(name) \
    int name(int fd) { \
        ORIGINAL(name); \
        char space[PATH_MAX]; \
        const char *file = of_descriptor(fd, space); \
        int code = original(fd); \
        if (file && !code) record(SYNC, *file ? inode_of(fd) : 0, 0, file, "", NULL, 0); \
        return code; \
    }
SYNCING(fsync)
SYNCING(fdatasync)

/* What an open makes or empties is known before: afterwards nobody can tell. */
static int opened(int folder, const char *path, int flags, mode_t mode) {
    char space[PATH_MAX];
    struct stat status;
    const char *name = folder == AT_FDCWD || *path == '/' ? within(path, space) : NULL;
    int is_there = name && !stat(path, &status);
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && name && *name) {
        if (!is_there && (flags & O_CREAT)) record(CREATE, inode_of(fd), 0, name, "", NULL, 0);
        else if (is_there && (flags & O_TRUNC)) record(RESIZE, inode_of(fd), 0, name, "", NULL, 0);
    }
    return fd;
}

#define MODE \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode); }

static void renamed(int kind, const char *from, const char *to) {
    char first[PATH_MAX], second[PATH_MAX];
    const char *a = within(from, first), *b = to ? within(to, second) : "";
    if (a && b) record(kind, 0, 0, a, b, NULL, 0);
}

int rename(const char *from, const char *to) {
    ORIGINAL(rename);
    if (!access(from, F_OK)) renamed(RENAME, from, to);
    return original(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
    ORIGINAL(renameat);
    if (!access(from, F_OK)) renamed(RENAME, from, to);
    return original(a, from, b, to);
}
int link(const char *from, const char *to) {
    ORIGINAL(link);
    if (access(to, F_OK)) renamed(LINK, from, to);
    return original(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
    ORIGINAL(linkat);
    if (access(to, F_OK)) renamed(LINK, from, to);
    return original(a, from, b, to, flags);
}
int unlink(const char *path) {
    ORIGINAL(unlink);
    if (!access(path, F_OK)) renamed(REMOVE, path, NULL);
    return original(path);
}
int unlinkat(int folder, const char *path, int flags) {
    ORIGINAL(unlinkat);
    if (folder == AT_FDCWD && !access(path, F_OK)) renamed(REMOVE, path, NULL);
    return original(folder, path, flags);
}
