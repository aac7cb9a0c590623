/*
 * sr_sys.h - every system call that can fail, so that tests can make each of them fail. And the points where a test can
 * stop a thread.
 *
 * A wrapper behaves like the call that it is named after, including errno. It repeats the call after EINTR where that
 * is safe. It sets O_CLOEXEC where it makes a descriptor.
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

#define SR_PAGE 4096u /* bytes in a page of memory */

#if SR_TESTING
/* Called before each system call; returns 0, or the errno to fail with. */
extern int (*sr_sys_hook)(const char *call);
extern void (*sr_stop_hook)(const char *point); /* called at each SR_STOP */
#define SR_STOP(point)                                                                                                 \
	do {                                                                                                           \
		if (sr_stop_hook)                                                                                      \
			sr_stop_hook(point);                                                                           \
	} while (0)
#else
#define SR_STOP(point) ((void)0)
#endif

/*
 * What identifies an inode for good. The inode number alone does not: the file system uses it again, with a new birth
 * time.
 */
struct sr_identity {
	uint64_t dev;
	uint64_t ino;
	int64_t btime; /* birth time in nanoseconds; 0: the file system keeps none */
	/* hash of the kernel's file handle; 0: not asked for, or the file system has no lasting handles */
	uint64_t fid;
	mode_t mode;
	bool is_mount; /* the root of a mount */
	uint64_t nlink;
	uint64_t blocks; /* in units of 512 bytes */
	uint64_t size;
};

int sr_sys_openat(int dir, const char *path, int flags, mode_t mode);
/*
 * Open path below dir, without "..", symlink, magic link or mount on the way. Uses openat2; if the kernel or a filter
 * has no openat2, opens component by component.
 */
int sr_sys_open_beneath(int dir, const char *path, int flags);
void sr_sys_close(int fd); /* keeps errno, for a caller that is about to report another failure */
int sr_sys_fstat(int fd, struct stat *st);
/* Identify an open file. It needs no name, so no rename makes it fail. */
int sr_sys_identify_open(int fd, struct sr_identity *identity);
/* Identify dir/name with statx, without following a symlink; "": dir itself. */
int sr_sys_identify(int dir, const char *name, struct sr_identity *identity);
/*
 * Hash the file handle of dir/name (name_to_handle_at), without following a symlink; "": dir itself. A handle contains
 * the inode's generation beside its number. Returns 0 if the file system has no handles.
 */
uint64_t sr_sys_file_id(int dir, const char *name);
int sr_sys_fstatfs(int fd, struct statfs *fs);
/* Reads until it has size bytes or meets the end of the file. */
ssize_t sr_sys_pread(int fd, void *buf, size_t size, off_t offset);
/*
 * A write beyond RLIMIT_FSIZE not only fails with EFBIG: it also sends the thread SIGXFSZ, which ends the process.
 * Between sr_sys_calm and sr_sys_uncalm it only fails. These pairs may be nested, and both calls keep errno.
 */
struct sr_sys_calm {
	bool is_calm; /* sr_sys_uncalm has to restore the signal mask */
	sigset_t before;
};
void sr_sys_calm(struct sr_sys_calm *calm);
void sr_sys_uncalm(struct sr_sys_calm *calm);

int sr_sys_pwrite(int fd, const void *buf, size_t size, off_t offset); /* writes size bytes, or returns -1 */
int sr_sys_fsync(int fd);
int sr_sys_fchown(int fd, uid_t uid, gid_t gid);
int sr_sys_fchmod(int fd, mode_t mode);
ssize_t sr_sys_fgetxattr(int fd, const char *name, void *value, size_t size);
int sr_sys_fallocate(int fd, int mode, off_t offset, off_t length);
int sr_sys_set_nocow(int fd); /* for an empty file: have it written in place from now on (FS_NOCOW_FL) */
int sr_sys_ftruncate(int fd, off_t length);
int sr_sys_mkdirat(int dir, const char *name, mode_t mode);
int sr_sys_may_write(const char *path); /* whether this process may read and write path; 0, or -1 with errno */
int sr_sys_linkat(int dir, const char *from, const char *to);
int sr_sys_renameat(int from_dir, const char *from, int to_dir, const char *to);
/*
 * Rename with RENAME_NOREPLACE. Where that is not available, look first and then rename: for new names that no other
 * process makes.
 */
int sr_sys_rename_noreplace(int from_dir, const char *from, int to_dir, const char *to);
/*
 * Rename to a name that other processes may make meanwhile. Where RENAME_NOREPLACE is not available, link the new name
 * and unlink the old one.
 */
int sr_sys_rename_back(int from_dir, const char *from, int to_dir, const char *to);
int sr_sys_unlinkat(int dir, const char *name, int flags);
/* F_OFD_SETLK on one byte. Returns 0, or -1 with EAGAIN if another open file has the lock. */
int sr_sys_lock(int fd, short type, off_t byte);
int sr_sys_lock_many(int fd, short type, off_t first, off_t n); /* Like sr_sys_lock, on n bytes from `first`. */
void sr_sys_unlock_all(int fd);
/* F_OFD_GETLK on one byte. Returns 1 if another open file has a lock on it, 0 if none has, or -1. */
int sr_sys_locked(int fd, off_t byte);
/*
 * F_OFD_GETLK on n bytes from first. Returns 1 if another open file has a lock on any of them; *byte then gets a locked
 * byte. Returns 0 if none is locked, or -1.
 */
int sr_sys_locked_among(int fd, off_t first, off_t n, off_t *byte);
int sr_sys_open_locks(void); /* open /proc/locks */
int sr_sys_shm_open(const char *name, int flags, mode_t mode);
int sr_sys_shm_unlink(const char *name);
void *sr_sys_mmap(size_t size, int protection, int flags, int fd); /* NULL on failure */
uint64_t sr_sys_address_limit(void);                               /* RLIMIT_AS in bytes; 0: no limit */
int sr_sys_munmap(void *address, size_t size);
int sr_sys_madvise(void *address, size_t size, int advice);
int sr_sys_random(void *buf, size_t size);
int sr_sys_futex_wait(uint32_t *word, uint32_t expected, const struct timespec *timeout);
void sr_sys_futex_wake(uint32_t *word, int most);
/* Set the times of path to now, without following a symlink. Needs no descriptor. */
int sr_sys_touch(const char *path);
int sr_sys_inotify_open(void);
int sr_sys_inotify_add(int fd, const char *path, uint32_t mask); /* without following a symlink; 0, or -1 with errno */
/* Take all events from an inotify descriptor. Returns 0, or -1 with errno. */
int sr_sys_inotify_drain(int fd);
void *sr_sys_malloc(size_t size);
void *sr_sys_calloc(size_t n, size_t size);
void *sr_sys_realloc(void *memory, size_t size);

int64_t sr_sys_realtime(void);  /* CLOCK_REALTIME, nanoseconds */
int64_t sr_sys_monotonic(void); /* CLOCK_MONOTONIC, nanoseconds */
void sr_sys_sleep(int64_t nanoseconds);

#endif
