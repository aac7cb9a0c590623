/*
 * sr_trash.h - removal below base, and nowhere else.
 *
 * A victim is verified (device and file handle, or else inode number and birth time), renamed to BASE/.segreg-trash/ID.REGISTERED_AT, verified once more
 * there, and taken apart through descriptors. No path of more than one component is ever resolved except by openat2
 * with RESOLVE_BENEATH, NO_SYMLINKS, NO_MAGICLINKS and NO_XDEV, starting at base:
 *
 * - Somebody exchanges a directory on the way for a symlink: the look-up fails, nothing is touched.
 * - Somebody exchanges the victim between the first look and the rename: the second look finds it; it is renamed back.
 * - Somebody exchanges a directory inside the victim for a symlink or mounts something there: the symlink itself is unlinked; the
 *   mount is another device, not entered, and the deletion fails with EBUSY or EXDEV.
 * - A crash anywhere: what is in the trash under the victim's own name is the victim, and the next sweep goes on with it.
 *   So no other may ever have that name: an id that is used again was registered, or reserved, at another nanosecond.
 *
 * - Somebody moves the victim, or a directory in it, out of the trash: sr_removal.c looks where it is, and stops.
 *
 * Where FUSE or a filter takes RENAME_NOREPLACE or openat2 away, sr_sys.c tells how the same is done in steps. Where a directory cannot be
 * renamed at all (a lower layer of overlayfs), it is taken apart where it is.
 *
 * Files are never truncated: a reader may have one mapped. Trees of any depth are removed with few descriptors:
 * below a certain depth a directory is first moved up to the victim's top.
 */
#ifndef SR_TRASH_H
#define SR_TRASH_H

#include "base/sr_base.h"
#include "shm/sr_record.h"

#define SR_TRASH_PARENTS 64
#define SR_TRASH_NAME_SIZE 48

struct sr_trash {
	struct sr_base *base;
	int base_fd, trash_fd;
	uint64_t dev;
	uint64_t pace, pace_files; /* bytes, and files and directories, per second; 0: no limit */
	int64_t pace_until; /* monotonic time before which nothing more is unlinked */
	int64_t asked_at;   /* monotonic time of the last call of stop */
	uint32_t unasked;   /* files and directories since then */
	bool (*stop)(void *arg); /* set by the caller, or NULL */
	void *arg;
	char *parents[SR_TRASH_PARENTS]; /* directories that lost an entry since the last sync */
	unsigned n_parents;
	uint32_t lifted; /* names given out to directories that were moved up */
};

/* The record's name in the trash. */
void sr_trash_name(const struct sr_record *record, char name[SR_TRASH_NAME_SIZE]);

struct sr_removed {
	uint64_t bytes_freed;  /* st_blocks * 512 of the inodes whose last link went */
	uint64_t bytes_linked; /* of those that have other links */
	bool was_gone;         /* nothing was at its path, nor in the trash */
	char where[256];       /* on failure: what could not be removed, or why it was left alone */
};

/* Make BASE/.segreg-trash unless it is there, with the owner and group of base and its mode for both. dir: base. 0 or -1 with errno. */
int sr_trash_make(int dir);

int sr_trash_open(struct sr_trash *trash, struct sr_base *base, uint64_t pace, uint64_t pace_files);
void sr_trash_close(struct sr_trash *trash);

/* Remove what record registered. 0 when it is gone, or was already; else an errno (ESTALE: its path, or the directory above, is now
 * something else; ENOENT: the directory above is missing, so nobody knows whether it is gone; ECANCELED: stopped, and the rest is in
 * the trash). */
int sr_trash_remove(struct sr_trash *trash, const struct sr_record *record, struct sr_removed *removed);

/* Make the removals since the last sync durable. 0, or an errno. */
int sr_trash_sync(struct sr_trash *trash);

/* The bytes that removing the record's files would free, as far as they can be read. */
uint64_t sr_trash_measure(struct sr_trash *trash, const struct sr_record *record);

#endif
