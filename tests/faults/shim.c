/* A preloaded library that stands between a process and its files.
 *
 * faults_arm(prefix, nth, action, log): from now on, calls that change or open files below
 * `prefix` are counted; the nth fails with errno `action` (STOP: the process stops itself, for a
 * signal to be sent at a known moment). Each call is noted in `log`: a letter and the path.
 *
 *   O opened to read   C opened to write   W written   T truncated   S synced
 *   R renamed (two paths, a tab between)   U unlinked   M folder made   D folder removed
 *   F the call that failed   N a call that would have, were it the nth (when nth is 0)
 *
 * A write is noted once done, a sync before it is done: what the log calls safe is safe.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define STOP (-1)

static char prefix[PATH_MAX];
static size_t prefix_length;
static long nth;
static int action, log_fd = -1;
static atomic_long count;

void faults_arm(const char *below, long n, int act, const char *log) {
    prefix_length = 0;
    if (log_fd >= 0) syscall(SYS_close, log_fd);
    log_fd = *log ? syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    nth = n;
    action = act;
    count = 0;
    snprintf(prefix, sizeof prefix, "%s", below);
    prefix_length = strlen(prefix);
}

long faults_count(void) { return count; }

__attribute__((constructor)) static void from_environment(void) {
    const char *below = getenv("FAULTS_PREFIX"), *n = getenv("FAULTS_NTH");
    if (below && n) faults_arm(below, atol(n), STOP, "");
}

static int below(const char *path) {
    return prefix_length && !strncmp(path, prefix, prefix_length);
}

static const char *path_of(int fd, char *space) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = prefix_length ? syscall(SYS_readlinkat, AT_FDCWD, link, space, PATH_MAX - 1) : -1;
    space[size < 0 ? 0 : size] = 0;
    return space;
}

static const char *resolve(int folder, const char *path, char *space) {
    if (!prefix_length || path[0] == '/') return path;
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) base[0] = 0;
    } else {
        path_of(folder, base);
    }
    if (snprintf(space, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) space[0] = 0;
    return space;
}

static void note(char kind, const char *path, const char *other) {
    char line[2 * PATH_MAX + 8];
    if (log_fd < 0 || !below(path)) return;
    int size = snprintf(line, sizeof line, other ? "%c %s\t%s\n" : "%c %s\n", kind, path, other);
    int saved = errno;
    syscall(SYS_write, log_fd, line, size);
    errno = saved;
}

/* Whether this call is the one that fails; errno is set. */
static int fails(const char *path) {
    if (!below(path)) return 0;
    if (!nth) note('N', path, NULL);
    if (++count != nth) return 0;
    if (action == STOP) {
        syscall(SYS_tgkill, getpid(), getpid(), SIGSTOP);
        return 0;
    }
    note('F', path, NULL);
    errno = action;
    return 1;
}

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char space[PATH_MAX];
    const char *whole = resolve(folder, path, space);
    int writes = flags & (O_WRONLY | O_RDWR | O_CREAT);
    int made = writes && below(whole) && syscall(SYS_faccessat, AT_FDCWD, whole, F_OK) != 0;
    if (fails(whole)) return -1;
    int fd = syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0) note(writes ? (made ? 'C' : 'O') : 'O', whole, NULL);
    if (fd >= 0 && (flags & O_TRUNC) && !made) note('T', whole, NULL);
    return fd;
}

#define MODE(flags, last) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, last); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { MODE(flags, flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, flags) return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags, flags) return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags, flags) return opened(folder, path, flags | O_LARGEFILE, mode); }
int __open_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

#define ON_FD(kind, fd, call) \
    char space[PATH_MAX]; \
    const char *path = path_of(fd, space); \
    if (fails(path)) return -1; \
    if (kind == 'S') note(kind, path, NULL); \
    __auto_type result = call; \
    if (kind != 'S' && result >= 0) note(kind, path, NULL); \
    return result;

ssize_t write(int fd, const void *data, size_t size) { ON_FD('W', fd, syscall(SYS_write, fd, data, size)) }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { ON_FD('W', fd, syscall(SYS_pwrite64, fd, data, size, at)) }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { ON_FD('W', fd, syscall(SYS_pwrite64, fd, data, size, at)) }
ssize_t writev(int fd, const struct iovec *data, int size) { ON_FD('W', fd, syscall(SYS_writev, fd, data, size)) }
int ftruncate(int fd, off_t size) { ON_FD('T', fd, (int)syscall(SYS_ftruncate, fd, size)) }
int ftruncate64(int fd, off64_t size) { ON_FD('T', fd, (int)syscall(SYS_ftruncate, fd, size)) }
int fsync(int fd) { ON_FD('S', fd, (int)syscall(SYS_fsync, fd)) }
int fdatasync(int fd) { ON_FD('S', fd, (int)syscall(SYS_fdatasync, fd)) }

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    char one[PATH_MAX], two[PATH_MAX];
    const char *old = resolve(from_folder, from, one), *new = resolve(to_folder, to, two);
    if (fails(new)) return -1;
    int result = syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
    if (result == 0) note('R', old, new);
    return result;
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int folder, const char *name, int flags) {
    char space[PATH_MAX];
    const char *path = resolve(folder, name, space);
    if (fails(path)) return -1;
    int result = syscall(SYS_unlinkat, folder, name, flags);
    if (result == 0) note(flags & AT_REMOVEDIR ? 'D' : 'U', path, NULL);
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *name, mode_t mode) {
    char space[PATH_MAX];
    const char *path = resolve(folder, name, space);
    if (fails(path)) return -1;
    int result = syscall(SYS_mkdirat, folder, name, mode);
    if (result == 0) note('M', path, NULL);
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
