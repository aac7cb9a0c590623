/*
 * sr_filelock.h - OFD locks on single bytes of a file, and descriptors that survive a host process that closes them.
 *
 * The kernel releases an OFD lock when the last reference to its open file disappears. So such a lock is the only
 * reliable sign that a process lives: it works in any PID namespace and without a timeout. There are two ways to keep
 * one.
 *
 * A hold belongs to the address space. The library opens, locks and maps the file, then closes the descriptor; the
 * mapping keeps the open file. So closefrom() cannot drop the hold, a forked child does not inherit it (MADV_DONTFORK),
 * and it ends with the process. Overlayfs drops a lock at close although the mapping remains. If a probe shows this,
 * the hold keeps its descriptor as well.
 *
 * A forked child has copies of all descriptors, and such a copy would keep the lock of a dead parent. So the process
 * remembers each descriptor that may have a lock, and a child closes its copies first of all (sr_filelock_arrive).
 *
 * A kept descriptor serves calls that need a descriptor. The host program may close it, and the kernel may then give
 * its number to a file of the host. So each use first checks that the descriptor still refers to the original file, and
 * opens the file again if not.
 */
#ifndef SR_FILELOCK_H
#define SR_FILELOCK_H

#include "sys/sr_sys.h"

/*
 * No thread may fork between opening a file that is to be locked and remembering its descriptor. A child would have a
 * descriptor that it does not close, and the lock would outlive this process. A mutex of the process delays forks
 * meanwhile. No thread waits for anything while it holds this mutex.
 */
void sr_filelock_before_fork(void);
void sr_filelock_after_fork(void);
/* Call this in a child of a bare clone(2): the clone may have copied the mutex in any state. */
void sr_filelock_renew(void);
/* In a child of fork(2) or of a bare clone(2): close the descriptors that may have locks of the parent. */
void sr_filelock_arrive(void);

/* Bytes of registry.lock. */
enum sr_byte {
	/* shared: the process is attached; exclusive: it is alone, and builds or removes the region */
	SR_BYTE_ATTACH = 0,
	SR_BYTE_COMMIT = 1, /* exclusive: lower layer of the commit lock */
	SR_BYTE_TABLE = 2,  /* exclusive: lower layer of the table lock */
	SR_BYTE_SWEEP = 3,  /* exclusive: the sweeper */
	SR_BYTE_LANES = 64, /* + lane number, exclusive: the handle that has the lane lives */
};

struct sr_kept {
	int fd; /* -1: no descriptor */
	uint64_t dev, ino;
	int flags;
	const char *path; /* the caller's string, which outlives this struct */
};

/* Open path and keep the descriptor. Returns 0, or -1 with errno. path must outlive kept. */
int sr_kept_open(struct sr_kept *kept, const char *path, int flags);
/*
 * Return the descriptor; open the file again if the host has closed it. Returns -1 with errno, ESTALE if path is
 * another file now. Only one thread at a time may call this.
 */
int sr_kept_get(struct sr_kept *kept);
/* Close the descriptor, unless it refers to another file by now. */
void sr_kept_close(struct sr_kept *kept);
/*
 * Report that a file which was there when the registry was opened cannot be opened again. Returns SEGREG_E_MISMATCH if
 * errnum means that the file is gone or is another file.
 */
int sr_fail_kept(int errnum, const char *path) __attribute__((cold));
/* Whether fd is an open descriptor of the file dev, ino. */
bool sr_fd_is(int fd, uint64_t dev, uint64_t ino);

struct sr_lockfile {
	const char *path; /* the caller's string, which outlives this struct */
	uint64_t dev, ino;
	uint64_t nlink; /* number of links when the file was opened */
	/* this file system drops a lock at close, although a mapping keeps the open file (overlayfs) */
	bool drops_at_close;
};

/*
 * Identify the file and probe its file system. mode: O_RDWR, or O_RDONLY if the caller takes F_RDLCK only. Returns 0,
 * or -1 with errno. path must outlive file.
 */
int sr_lockfile_open(struct sr_lockfile *file, const char *path, int mode);
/*
 * Open the file once more: locks of this open file conflict with locks of every other. Returns a descriptor, or -1 with
 * errno. Use it for questions: a lock that is taken with it may outlive this process in a forked child.
 */
int sr_lockfile_reopen(const struct sr_lockfile *file);
/*
 * Open the file once more, to take a lock. The process remembers the descriptor, so that children close their copies.
 * Returns a descriptor, or -1 with errno.
 */
int sr_locking_open(const struct sr_lockfile *file);
/* Unlock and close a descriptor that sr_locking_open returned. */
void sr_locking_close(int fd);

struct sr_hold {
	void *page; /* NULL: holds nothing */
	int fd;     /* the kept descriptor, if drops_at_close; else -1 */
};

void sr_hold_init(struct sr_hold *hold);
/*
 * Turn fd, a locked descriptor that sr_locking_open returned, into a hold. The hold keeps fd or closes it. Returns 0,
 * or -1 with errno.
 */
int sr_hold_from(const struct sr_lockfile *file, int fd, struct sr_hold *hold);
/*
 * Lock byte as F_RDLCK, which opens the file for reading only, or as F_WRLCK. Returns 0, or -1 with errno: EAGAIN if
 * another open file has the lock.
 */
int sr_hold_take(const struct sr_lockfile *file, off_t byte, short type, struct sr_hold *hold);
/*
 * Lock n bytes from `first` as F_WRLCK, all or none. Returns 0, or -1 with errno: EAGAIN if another open file has a
 * lock on one of them.
 */
int sr_hold_take_many(const struct sr_lockfile *file, off_t first, off_t n, struct sr_hold *hold);
void sr_hold_drop(struct sr_hold *hold);

#endif
