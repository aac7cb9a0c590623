/*
 * sr_filelock.h - bytes of a file, each of them an OFD lock; and descriptors that a host process cannot pull away.
 *
 * The kernel gives an OFD lock back when the last reference to its open file goes, so it is the one thing that
 * tells truly whether a process lives, in any PID namespace and without any timeout. Two ways to keep one:
 *
 * A hold is kept by the address space: the file is opened, locked and mapped, then its descriptor is closed; the
 * mapping keeps the open file. No closefrom() can drop it, no forked child inherits it (MADV_DONTFORK), and it ends
 * with the process. Overlayfs drops a lock at close although the mapping stays; where a probe shows that, the
 * descriptor is kept as well.
 *
 * A forked child has copies of descriptors, and a copy would keep the lock of a dead parent. So each descriptor that may have a lock
 * is remembered, and a child closes its copies first of all (sr_filelock_arrive).
 *
 * A kept descriptor serves calls that need one. The host may have closed it, and may have got its number for a file
 * of its own, so each use first asks whether it still is the file that it was, and opens the file again if not.
 */
#ifndef SR_FILELOCK_H
#define SR_FILELOCK_H

#include "sys/sr_sys.h"

/*
 * Between the opening of a file that is to be locked and the note of its descriptor, no fork may come: the child would have the
 * descriptor, unknown, and a lock would outlive this process. A mutex of the process keeps forks out there. Nothing waits with it.
 */
void sr_filelock_before_fork(void);
void sr_filelock_after_fork(void);
/* In a child of a bare clone(2), which may have copied the mutex in any state. */
void sr_filelock_renew(void);
/* In a child of either kind: close the descriptors that may have locks of the parent. */
void sr_filelock_arrive(void);

enum sr_byte { /* of registry.lock */
	SR_BYTE_ATTACH = 0, /* shared: attached; exclusive: alone, building or removing the region */
	SR_BYTE_COMMIT = 1, /* exclusive: lower layer of the commit lock */
	SR_BYTE_TABLE = 2,  /* exclusive: lower layer of the table lock */
	SR_BYTE_SWEEP = 3,  /* exclusive: the sweeper */
	SR_BYTE_LANES = 64, /* + lane number, exclusive: its owner lives */
};

struct sr_kept {
	int fd; /* -1: none */
	uint64_t dev, ino;
	int flags;
	const char *path; /* the owner's, and outlives this */
};

/* Open path and keep it. 0 or -1 with errno. */
int sr_kept_open(struct sr_kept *kept, const char *path, int flags);
/* The descriptor, opened again if need be; -1 with errno, ESTALE if path is another file now. One thread at a time. */
int sr_kept_get(struct sr_kept *kept);
/* Close it, unless it is no longer ours. */
void sr_kept_close(struct sr_kept *kept);
/* The failure of a call that opens again what was there when the registry was opened: SEGREG_E_MISMATCH if it is not any more. */
int sr_fail_kept(int errnum, const char *path) __attribute__((cold));
/* Whether fd is an open descriptor of the file dev, ino. */
bool sr_fd_is(int fd, uint64_t dev, uint64_t ino);

struct sr_lockfile {
	const char *path;    /* the owner's, and outlives this */
	uint64_t dev, ino;
	uint64_t nlink;      /* when it was opened */
	bool drops_at_close; /* this file system drops a mapping's locks (overlayfs) */
};

/* mode: O_RDWR, or O_RDONLY for who takes F_RDLCK only. 0 or -1 with errno. */
int sr_lockfile_open(struct sr_lockfile *file, const char *path, int mode);
/* Another open file of it, whose locks conflict with those of every other; -1 with errno. For questions: a lock that is taken with it
 * may outlive this process in a forked child. */
int sr_lockfile_reopen(const struct sr_lockfile *file);
/* Open another file of it to lock it: children know the descriptor. -1 with errno. */
int sr_locking_open(const struct sr_lockfile *file);
/* Unlock and close what sr_locking_open returned. */
void sr_locking_close(int fd);

struct sr_hold {
	void *page; /* NULL: nothing held */
	int fd;     /* -1 unless drops_at_close */
};

void sr_hold_init(struct sr_hold *hold);
/* Turn a locked descriptor that sr_locking_open returned into a hold. The descriptor is the hold's then, or closed. 0 or -1 with errno. */
int sr_hold_from(const struct sr_lockfile *file, int fd, struct sr_hold *hold);
/* Take byte as F_RDLCK, with a file that is open for reading only, or as F_WRLCK. 0; -1 with EAGAIN if somebody else has it, or with
 * another errno. */
int sr_hold_take(const struct sr_lockfile *file, off_t byte, short type, struct sr_hold *hold);
/* Take n bytes from first as F_WRLCK, all or none. 0; -1 with EAGAIN if somebody else has one of them, or with another errno. */
int sr_hold_take_many(const struct sr_lockfile *file, off_t first, off_t n, struct sr_hold *hold);
void sr_hold_drop(struct sr_hold *hold);

#endif
