/*
 * sr_sys.h - every system call that can fail, so that tests can make it fail; and the points at which they can stop us.
 *
 * Each wrapper behaves like the call that it is named after (errno and all), goes on after EINTR where that is
 * safe, and sets O_CLOEXEC where a descriptor is made.
 */
#ifndef SR_SYS_H
#define SR_SYS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <time.h>

#define SR_PAGE 4096u /* bytes of a page of memory */

#if SR_TESTING
extern int (*sr_sys_hook)(const char *call);     /* before each call: 0, or the errno to fail with */
extern void (*sr_stop_hook)(const char *point);  /* at each SR_STOP */
#define SR_STOP(point)                                                                                               \
	do {                                                                                                         \
		if (sr_stop_hook)                                                                                    \
			sr_stop_hook(point);                                                                         \
	} while (0)
#else
#define SR_STOP(point) ((void)0)
#endif

/* What identifies an inode for good: the number alone is given out again, with a new birth time. */
struct sr_identity {
	uint64_t dev;
	uint64_t ino;
	int64_t btime; /* nanoseconds; 0 where the file system keeps none */
	uint64_t fid;  /* hash of the kernel's file handle; 0: not asked for, or the file system has none that lasts */
	mode_t mode;
	bool is_mount; /* the root of one */
	uint64_t nlink;
	uint64_t blocks; /* of 512 bytes */
	uint64_t size;
};

int sr_sys_openat(int dir, const char *path, int flags, mode_t mode);
/* No "..", symlink, magic link or mount on the way: openat2, or where a filter or the kernel has none, component by component. */
int sr_sys_open_beneath(int dir, const char *path, int flags);
void sr_sys_close(int fd); /* keeps errno, for callers that are about to report another failure */
int sr_sys_fstat(int fd, struct stat *st);
int sr_sys_identify_open(int fd, struct sr_identity *identity); /* an open file; no name that could fail */
int sr_sys_identify(int dir, const char *name, struct sr_identity *identity); /* statx, no symlink followed; "": dir itself */
/* Hash of the file handle (name_to_handle_at, no symlink followed; "": dir itself), which has the inode's generation beside its number;
 * 0 where there is none. */
uint64_t sr_sys_file_id(int dir, const char *name);
int sr_sys_fstatfs(int fd, struct statfs *fs);
ssize_t sr_sys_pread(int fd, void *buf, size_t size, off_t offset); /* reads on until size or the end */
/*
 * Beyond RLIMIT_FSIZE a write does not only fail (EFBIG), it sends the thread SIGXFSZ, which ends the process. Between these two it only
 * fails. They may be nested, and keep errno.
 */
struct sr_sys_calm {
	bool is_calm; /* something is to be undone */
	sigset_t before;
};
void sr_sys_calm(struct sr_sys_calm *calm);
void sr_sys_uncalm(struct sr_sys_calm *calm);

int sr_sys_pwrite(int fd, const void *buf, size_t size, off_t offset); /* all of it, or -1 */
int sr_sys_fsync(int fd);
int sr_sys_fchown(int fd, uid_t uid, gid_t gid);
int sr_sys_fchmod(int fd, mode_t mode);
ssize_t sr_sys_fgetxattr(int fd, const char *name, void *value, size_t size);
int sr_sys_fallocate(int fd, int mode, off_t offset, off_t length);
int sr_sys_set_nocow(int fd); /* an empty file, to be written in place from now on (FS_NOCOW_FL) */
int sr_sys_ftruncate(int fd, off_t length);
int sr_sys_mkdirat(int dir, const char *name, mode_t mode);
int sr_sys_may_write(const char *path); /* and read; 0 or -1 with errno */
int sr_sys_linkat(int dir, const char *from, const char *to);
int sr_sys_renameat(int from_dir, const char *from, int to_dir, const char *to);
/* renameat2 with RENAME_NOREPLACE; where that is not to be had, a look and a rename, for new names that nobody else makes. */
int sr_sys_rename_noreplace(int from_dir, const char *from, int to_dir, const char *to);
/* To a name that others may make meanwhile: without RENAME_NOREPLACE, a link and an unlink. */
int sr_sys_rename_back(int from_dir, const char *from, int to_dir, const char *to);
int sr_sys_unlinkat(int dir, const char *name, int flags);
int sr_sys_lock(int fd, short type, off_t byte); /* F_OFD_SETLK on one byte: 0, or -1 and EAGAIN if somebody has it */
int sr_sys_lock_many(int fd, short type, off_t first, off_t n); /* like sr_sys_lock, on n bytes from first */
void sr_sys_unlock_all(int fd);
int sr_sys_locked(int fd, off_t byte);           /* F_OFD_GETLK: 1 if another open file has a lock on the byte, 0, or -1 */
/* Of n bytes from first: 1 if another open file has a lock on any; then *byte is one that is locked. 0 if none is, or -1. */
int sr_sys_locked_among(int fd, off_t first, off_t n, off_t *byte);
int sr_sys_open_locks(void);                     /* /proc/locks */
int sr_sys_shm_open(const char *name, int flags, mode_t mode);
int sr_sys_shm_unlink(const char *name);
void *sr_sys_mmap(size_t size, int protection, int flags, int fd); /* NULL on failure */
uint64_t sr_sys_address_limit(void); /* RLIMIT_AS in bytes; 0: none */
int sr_sys_munmap(void *address, size_t size);
int sr_sys_madvise(void *address, size_t size, int advice);
int sr_sys_random(void *buf, size_t size);
int sr_sys_futex_wait(uint32_t *word, uint32_t expected, const struct timespec *timeout);
void sr_sys_futex_wake(uint32_t *word, int most);
void *sr_sys_malloc(size_t size);
void *sr_sys_realloc(void *memory, size_t size);

int64_t sr_sys_realtime(void);  /* CLOCK_REALTIME, nanoseconds */
int64_t sr_sys_monotonic(void); /* CLOCK_MONOTONIC, nanoseconds */
void sr_sys_sleep(int64_t nanoseconds);

#endif
