/* Between the server and the disk: writes down everything that happens to the files of the store, in its order and with
 * its bytes, and makes the disk refuse when it is told to. Built and preloaded by faults.rs.
 *
 * FAULTS_STORE    the database file; the files whose names begin with it and its folder are watched, nothing else
 * FAULTS_LOG      where to write down; unset: nothing is
 * FAULTS_CONTROL  a file whose first byte is the fault of the moment
 *
 * A record is five 64-bit words (what, file, error; begun; ended; offset; length), then the bytes of a write. One lock
 * around each operation and its record makes the order of the records the order in which things happened.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum what { CREATE = 1, WRITE, TRUNCATE, REMOVE, SYNC };
enum file { NONE, DATABASE, WAL, JOURNAL, FOLDER, SHARED_MEMORY };
enum fault { FINE, DISK_FULL, WRITES_FAIL, SYNCS_FAIL, READ_ONLY, HALF_WRITES };

#define DESCRIPTORS 4096
static unsigned char file_of[DESCRIPTORS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *store;
static size_t folder_length;
static int log_file = -1;
static volatile const char *control;

static int plain_open(const char *path, int flags, mode_t mode) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

__attribute__((constructor)) static void prepare(void) {
    const char *log_path = getenv("FAULTS_LOG"), *control_path = getenv("FAULTS_CONTROL");
    store = getenv("FAULTS_STORE");
    if (store == NULL) return;
    const char *slash = strrchr(store, '/');
    folder_length = slash == NULL ? 0 : (size_t)(slash - store);
    if (log_path != NULL) log_file = plain_open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (control_path != NULL) {
        int descriptor = plain_open(control_path, O_RDONLY | O_CLOEXEC, 0);
        void *page = descriptor < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, descriptor, 0);
        if (page != MAP_FAILED) control = page;
    }
}

/* Whether the first `length` letters of `path` lead to the folder of the store, by whatever way. */
static int is_in_folder(const char *path, size_t length) {
    char start[PATH_MAX], real[PATH_MAX];
    if (length >= PATH_MAX) return 0;
    memcpy(start, path, length);
    start[length] = 0;
    if (realpath(length == 0 ? "." : start, real) == NULL) return 0;
    return strncmp(real, store, folder_length) == 0 && real[folder_length] == 0;
}

static enum file file_at(const char *path) {
    if (store == NULL || path == NULL) return NONE;
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    const char *wanted = store + folder_length + 1;
    size_t length = strlen(wanted);
    if (strncmp(name, wanted, length) == 0 && is_in_folder(path, (size_t)(name - path))) {
        const char *ending = name + length;
        if (*ending == 0) return DATABASE;
        if (strcmp(ending, "-wal") == 0) return WAL;
        if (strcmp(ending, "-journal") == 0) return JOURNAL;
        if (strcmp(ending, "-shm") == 0) return SHARED_MEMORY;
        return NONE;
    }
    return strncmp(path, store, folder_length) == 0 && path[folder_length] == 0 ? FOLDER : NONE;
}

static enum file file_behind(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS ? file_of[descriptor] : NONE;
}

static enum fault fault_now(void) { return control == NULL ? FINE : (enum fault)*control; }

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Writes it down; nothing can be trusted any more when that fails. What is in shared memory is not on the disk. */
static void note(enum what what, enum file file, int error, uint64_t begun, uint64_t offset, uint64_t length,
                 const void *bytes) {
    if (log_file < 0 || file == SHARED_MEMORY) return;
    uint64_t head[5] = {(uint64_t)what | (uint64_t)file << 8 | (uint64_t)error << 16, begun, now(), offset, length};
    struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, bytes == NULL ? 0 : length}};
    ssize_t whole = (ssize_t)(parts[0].iov_len + parts[1].iov_len);
    if (syscall(SYS_writev, log_file, parts, 2) != whole) abort();
}

static int refuse(int error) {
    errno = error;
    return -1;
}

static int watched_open(const char *path, int flags, mode_t mode, enum file file) {
    enum fault fault = fault_now();
    int is_new = (flags & O_CREAT) != 0 && syscall(SYS_access, path, F_OK) != 0;
    if (fault == READ_ONLY && file != FOLDER && ((flags & O_ACCMODE) != O_RDONLY || is_new)) return refuse(EROFS);
    if (fault == DISK_FULL && is_new) return refuse(ENOSPC);
    uint64_t begun = now();
    int descriptor = plain_open(path, flags, mode);
    if (descriptor >= DESCRIPTORS) abort();
    if (descriptor >= 0) {
        file_of[descriptor] = (unsigned char)file;
        if (is_new) note(CREATE, file, 0, begun, 0, 0, NULL);
    }
    return descriptor;
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    enum file file = file_at(path);
    if (file == NONE) return plain_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    int descriptor = watched_open(path, flags, mode, file);
    pthread_mutex_unlock(&lock);
    return descriptor;
}
int open(const char *path, int flags, ...) __attribute__((alias("open64")));

int close(int descriptor) {
    if (descriptor >= 0 && descriptor < DESCRIPTORS) file_of[descriptor] = NONE;
    return (int)syscall(SYS_close, descriptor);
}

static ssize_t watched_write(int descriptor, const void *bytes, size_t length, off_t offset, enum file file) {
    switch (fault_now()) {
    case DISK_FULL: return refuse(ENOSPC);
    case WRITES_FAIL: return refuse(EIO);
    case READ_ONLY: return refuse(EROFS);
    /* The first half gets there, then the disk is full: what a real one does. */
    case HALF_WRITES:
        if (length <= 512) return refuse(ENOSPC);
        length = (length / 2 + 511) / 512 * 512;
        break;
    default: break;
    }
    uint64_t begun = now();
    ssize_t written = syscall(SYS_pwrite64, descriptor, bytes, length, offset);
    if (written > 0) note(WRITE, file, 0, begun, (uint64_t)offset, (uint64_t)written, bytes);
    return written;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off_t offset) {
    enum file file = file_behind(descriptor);
    if (file == NONE) return syscall(SYS_pwrite64, descriptor, bytes, length, offset);
    pthread_mutex_lock(&lock);
    ssize_t written = watched_write(descriptor, bytes, length, offset, file);
    pthread_mutex_unlock(&lock);
    return written;
}
ssize_t pwrite(int, const void *, size_t, off_t) __attribute__((alias("pwrite64")));

/* Nobody writes to the store without saying where; were it so one day, the recording would be wrong in silence. */
ssize_t write(int descriptor, const void *bytes, size_t length) {
    if (file_behind(descriptor) != NONE && file_behind(descriptor) != SHARED_MEMORY) abort();
    return syscall(SYS_write, descriptor, bytes, length);
}

int ftruncate64(int descriptor, off_t length) {
    enum file file = file_behind(descriptor);
    if (file == NONE) return (int)syscall(SYS_ftruncate, descriptor, length);
    pthread_mutex_lock(&lock);
    enum fault fault = fault_now();
    uint64_t begun = now();
    int done = fault == WRITES_FAIL  ? refuse(EIO)
               : fault == READ_ONLY ? refuse(EROFS)
                                    : (int)syscall(SYS_ftruncate, descriptor, length);
    if (done == 0) note(TRUNCATE, file, 0, begun, 0, (uint64_t)length, NULL);
    pthread_mutex_unlock(&lock);
    return done;
}
int ftruncate(int, off_t) __attribute__((alias("ftruncate64")));

int unlink(const char *path) {
    enum file file = file_at(path);
    if (file == NONE) return (int)syscall(SYS_unlink, path);
    pthread_mutex_lock(&lock);
    uint64_t begun = now();
    int done = fault_now() == READ_ONLY ? refuse(EROFS) : (int)syscall(SYS_unlink, path);
    if (done == 0) note(REMOVE, file, 0, begun, 0, 0, NULL);
    pthread_mutex_unlock(&lock);
    return done;
}

static int watched_sync(int descriptor, long call) {
    enum file file = file_behind(descriptor);
    if (file == NONE) return (int)syscall(call, descriptor);
    pthread_mutex_lock(&lock);
    uint64_t begun = now();
    /* The recording is what is looked at afterwards, so this disk need not do it; and the next fault comes sooner. */
    int error = fault_now() == SYNCS_FAIL ? EIO : 0;
    if (error == 0 && log_file < 0 && syscall(call, descriptor) != 0) error = errno;
    note(SYNC, file, error, begun, 0, 0, NULL);
    pthread_mutex_unlock(&lock);
    return error == 0 ? 0 : refuse(error);
}
int fsync(int descriptor) { return watched_sync(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return watched_sync(descriptor, SYS_fdatasync); }
