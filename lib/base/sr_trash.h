/*
 * sr_trash.h - removal below base, and nowhere else. sr_trash.c says why.
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
	int64_t pace_until;        /* monotonic time before which nothing more is unlinked */
	int64_t asked_at;          /* monotonic time of the last call of stop */
	uint32_t unasked;          /* files and directories since asked_at */
	bool (*stop)(void *arg);   /* set by the caller, or NULL */
	void *arg;
	char *parents[SR_TRASH_PARENTS]; /* directories that lost an entry since the last sync */
	unsigned n_parents;
	uint32_t lifted; /* names given out to directories that were moved up */
};

/* Format the name of the record's segment in the trash. */
void sr_trash_name(const struct sr_record *record, char name[SR_TRASH_NAME_SIZE]);

/* Does the trash have what a deletion left of the record's segment? Returns 1, 0 or SEGREG_E_*. */
int sr_trash_has(struct sr_base *base, const struct sr_record *record);

struct sr_removed {
	uint64_t bytes_freed;  /* st_blocks * 512 of the inodes whose last link went */
	uint64_t bytes_linked; /* st_blocks * 512 of the inodes that keep other links */
	bool was_gone;         /* nothing of it was at its path, nor in the trash */
	bool is_used_again;    /* was_gone, and something else is at its path */
	char where[256];       /* on failure: what could not be removed, or why it was left alone */
};

/* Make BASE/.segreg-trash unless it is there, with base's owner and group, and with base's permissions for the
 * group. dir: base. Returns 0, or -1 with errno. */
int sr_trash_make(int dir);

int sr_trash_open(struct sr_trash *trash, struct sr_base *base, uint64_t pace, uint64_t pace_files);
void sr_trash_close(struct sr_trash *trash);

/* Remove the segment that record registered. Returns 0 if it is gone, now or before; otherwise an errno. ESTALE: at
 * its path, or as the directory above, is something else now. ENOENT: the directory above is missing, so the segment
 * may be gone or not. ECANCELED: the caller stopped the removal, and the rest is in the trash. */
int sr_trash_remove(struct sr_trash *trash, const struct sr_record *record, struct sr_removed *removed);

/* Like sr_trash_remove, for a segment whose name may be in use again: if something else is at its path, it is gone.
 * File handles have to show that, and that the directory above is the one that it was registered in. */
int sr_trash_remove_reused(struct sr_trash *trash, const struct sr_record *record, struct sr_removed *removed);

/* Make the removals since the last sync durable. Returns 0, or an errno. */
int sr_trash_sync(struct sr_trash *trash);

/* Returns the bytes that removing the record's files would free, as far as they can be read. */
uint64_t sr_trash_measure(struct sr_trash *trash, const struct sr_record *record);

#endif
