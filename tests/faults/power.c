/* Loaded before a program (LD_PRELOAD): what a power cut would take from its files, and a disk that is full.

   Below the folder PACKSEAL_FAULTS_FOLDER, each write and each change of a length is first written down, with what was
   there before, in a file of PACKSEAL_FAULTS_UNDO named by the inode. When the file is synced, that is forgotten: it is
   on the disk. What is written down at a kill is what a power cut may take; power.py takes it. Where the undo folder
   holds a file "die" with a number in it, the program kills itself behind so many further writes, in the middle of
   whatever it does.

   faults_fill(first, count): of the writes from now on, those from the first on, count of them, find a full disk.
   faults_writes(): how many there have been since; faults_refused(): how many of them failed with ENOSPC. Only in programs that call it: the others never find a full disk. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct record { /* as power.py reads it; behind it the old bytes, then the new ones */
    uint64_t offset, old_bytes, new_bytes, old_size, new_size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long fill_first = -1, fill_count, writes_seen, writes_refused, writes_left = -1;

#define REAL(result, name, ...)                                     \
    static result (*real_##name)(__VA_ARGS__);                      \
    __attribute__((constructor)) static void find_##name(void)      \
    {                                                               \
        real_##name = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name); \
    }

REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, pwrite64, int, const void *, size_t, off_t)
REAL(int, ftruncate64, int, off_t)
REAL(int, fsync, int)
REAL(int, fdatasync, int)
REAL(int, unlink, const char *)
REAL(int, rename, const char *, const char *)

void faults_fill(long first, long count)
{
    fill_first = first;
    fill_count = count;
    writes_seen = writes_refused = 0;
}

long faults_writes(void)
{
    return writes_seen;
}

long faults_refused(void)
{
    return writes_refused;
}

/* Whether it is a file below the folder; a file of shared memory is none that a power cut could meet. */
static int is_watched(int fd, struct stat *found, int with_shared_memory)
{
    const char *folder = getenv("PACKSEAL_FAULTS_FOLDER");
    char link[64], path[PATH_MAX + 1];
    if (!folder || fstat(fd, found) || !S_ISREG(found->st_mode))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX);
    if (length < 0)
        return 0;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder)))
        return 0;
    return with_shared_memory || length < 4 || strcmp(path + length - 4, "-shm");
}

static int undo_path(char *path, size_t size, const struct stat *found)
{
    const char *folder = getenv("PACKSEAL_FAULTS_UNDO");
    return folder ? snprintf(path, size, "%s/%llu", folder, (unsigned long long)found->st_ino) : 0;
}

static int is_full(int fd)
{
    struct stat found;
    if (fill_first < 0 || !is_watched(fd, &found, 1))
        return 0;
    long number = writes_seen++;
    int refused = number >= fill_first && number - fill_first < fill_count;
    writes_refused += refused;
    if (refused)
        errno = ENOSPC;
    return refused;
}

static void write_down(int fd, const void *content, uint64_t bytes, uint64_t offset, int is_length)
{
    char path[PATH_MAX];
    struct stat found;
    if (!is_watched(fd, &found, 0) || !undo_path(path, sizeof path, &found))
        return;
    uint64_t size = (uint64_t)found.st_size, end = is_length ? size : offset + bytes;
    if (end > size)
        end = size;
    struct record record = {offset, end > offset ? end - offset : 0, is_length ? 0 : bytes, size, 0};
    record.new_size = is_length ? offset : (offset + bytes > size ? offset + bytes : size);
    char *old = malloc(record.old_bytes + 1);
    if (!old || (record.old_bytes && pread(fd, old, record.old_bytes, (off_t)offset) != (ssize_t)record.old_bytes))
        abort(); /* better no run than one that undoes less than it says */
    struct iovec parts[] = {{&record, sizeof record}, {old, record.old_bytes}, {(void *)content, record.new_bytes}};
    int undo = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (undo < 0 || writev(undo, parts, 3) < 0)
        abort();
    close(undo);
    free(old);
}

static void perhaps_die(int fd)
{
    struct stat found;
    char path[PATH_MAX];
    const char *folder = getenv("PACKSEAL_FAULTS_UNDO");
    if (!folder || !is_watched(fd, &found, 0))
        return;
    if (writes_left < 0) {
        snprintf(path, sizeof path, "%s/die", folder);
        FILE *order = fopen(path, "r");
        if (!order)
            return;
        if (fscanf(order, "%ld", &writes_left) != 1)
            abort();
        fclose(order);
    }
    if (writes_left-- == 0)
        kill(getpid(), SIGKILL);
}

static void forget(const struct stat *found)
{
    char path[PATH_MAX];
    if (undo_path(path, sizeof path, found))
        real_unlink(path);
}

ssize_t pwrite64(int fd, const void *content, size_t bytes, off_t offset)
{
    if (is_full(fd))
        return -1;
    pthread_mutex_lock(&lock);
    write_down(fd, content, bytes, (uint64_t)offset, 0);
    ssize_t done = real_pwrite64(fd, content, bytes, offset);
    perhaps_die(fd);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *content, size_t bytes, off_t offset)
{
    return pwrite64(fd, content, bytes, offset);
}

ssize_t write(int fd, const void *content, size_t bytes)
{
    struct stat found;
    if (!is_watched(fd, &found, 1))
        return real_write(fd, content, bytes);
    if (is_full(fd))
        return -1;
    pthread_mutex_lock(&lock);
    off_t at = fcntl(fd, F_GETFL) & O_APPEND ? found.st_size : lseek(fd, 0, SEEK_CUR);
    write_down(fd, content, bytes, (uint64_t)at, 0);
    ssize_t done = real_write(fd, content, bytes);
    perhaps_die(fd);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate64(int fd, off_t size)
{
    if (is_full(fd))
        return -1;
    pthread_mutex_lock(&lock);
    write_down(fd, 0, 0, (uint64_t)size, 1);
    int done = real_ftruncate64(fd, size);
    perhaps_die(fd);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

static int synced(int fd, int (*real)(int))
{
    struct stat found;
    pthread_mutex_lock(&lock);
    int done = real(fd);
    if (!done && is_watched(fd, &found, 0))
        forget(&found);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd)
{
    return synced(fd, real_fsync);
}

int fdatasync(int fd)
{
    return synced(fd, real_fdatasync);
}

/* An inode without a name may be another file's soon. */
int unlink(const char *path)
{
    struct stat found;
    int is_there = !stat(path, &found) && S_ISREG(found.st_mode) && found.st_nlink == 1;
    int done = real_unlink(path);
    if (!done && is_there)
        forget(&found);
    return done;
}

int rename(const char *from, const char *to)
{
    struct stat found, moved;
    int is_there = !stat(to, &found) && !stat(from, &moved) && found.st_ino != moved.st_ino;
    int done = real_rename(from, to);
    if (!done && is_there)
        forget(&found);
    return done;
}
