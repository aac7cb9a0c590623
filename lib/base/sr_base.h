/*
 * sr_base.h - the base directory: its users, and what a segment's path may be.
 *
 *      BASE/.segreg         the marker: this registry's uuid, start counter, owner and place (sr_marker.h)
 *      BASE/.segreg-lock    locked by each process that has the registry open
 *      BASE/.segreg-trash   where segments go before they are removed
 *
 * If registry.lock is replaced while in use, running processes keep their locks on the old file. A process that opens
 * the new file sees none of those locks. But base is still the same directory, so this process finds the others through
 * BASE/.segreg-lock.
 */
#ifndef SR_BASE_H
#define SR_BASE_H

#include "segreg.h"
#include "sys/sr_access.h"
#include "sys/sr_filelock.h"
#include "shm/sr_record.h"

#include <pthread.h>

#define SR_BASE_MARKER ".segreg"
#define SR_BASE_LOCK ".segreg-lock"
#define SR_BASE_TRASH ".segreg-trash"

struct sr_base {
	char path[SEGREG_PATH_SIZE]; /* absolute */
	char own[SEGREG_PATH_SIZE];  /* the registry's directory relative to base, if it lies below; else "" */
	struct sr_kept dir;
	pthread_mutex_t mutex; /* guards dir */
	uint64_t fid;          /* of base itself, as sr_base_file_id returns it */
	bool has_file_ids;     /* file handles identify files here; those of FUSE do not outlive a mount */
	char lock_path[SEGREG_PATH_SIZE + 16];
	struct sr_lockfile lockfile;
	struct sr_hold hold; /* of the only byte of .segreg-lock, shared */
};

/* Open the base directory path for a registry in the directory registry; both are absolute. Returns 0,
 * SEGREG_E_NOENT, ... */
int sr_base_open(struct sr_base *base, const char *path, const char *registry);
void sr_base_close(struct sr_base *base);

/* Join the processes that use base. Returns SR_BASE_TAKEN while another process makes sure that it is alone. */
int sr_base_join(struct sr_base *base);
/* Like sr_base_join, but wait until no other process has joined; fail with SEGREG_E_BUSY after timeout_ms. Make
 * BASE/.segreg-lock if it is missing, and give it access. */
int sr_base_join_alone(struct sr_base *base, const struct sr_access *access, uint32_t timeout_ms);

/* Give fd, an open file or directory in base, this mode and base's owner and group, as far as the kernel permits.
 * dir: base. */
void sr_base_give(int dir, int fd, mode_t mode);

/* Returns the descriptor of base (O_PATH), or -1 with errno. */
int sr_base_fd(struct sr_base *base);

/* May a segment have path? Checks the text only. Returns 0 or SEGREG_E_PATH. */
int sr_base_check_path(const struct sr_base *base, const char *path);

/*
 * Make a segment's path of `given`, which is relative to base, or absolute below it. Empty components and "." are left
 * out. Returns 0 or SEGREG_E_PATH.
 */
int sr_base_relate(const struct sr_base *base, const char *given, char path[SEGREG_PATH_MAX + 1]);

/* Split a segment's path: parent becomes the directory above ("." for base itself); returns the last component. */
const char *sr_base_parent(const char *path, char parent[SEGREG_PATH_MAX + 1]);

/* Identify what is at path, without leaving base on the way. Returns 0, SEGREG_E_NOENT, SEGREG_E_PATH, ... */
int sr_base_identify(struct sr_base *base, const char *path, struct sr_identity *identity);
/* Like sr_base_identify, with one system call instead of three, for a path in the directory of the path identified
 * last. Assumes that no directory on the way has changed since. Deletions never use it: see sr_trash.c. */
int sr_base_identify_beside(struct sr_base *base, const char *path, struct sr_identity *identity);

/* Returns a hash of the file handle of name in dir, or of dir if name is "". Returns 0 where file handles do not
 * last. */
uint64_t sr_base_file_id(const struct sr_base *base, int dir, const char *name);

/* Is identity that of the segment which record registered? If both have a file handle, the file handles decide.
 * Otherwise inode number and birth time do. For a reservation: can a builder have made what identity describes? dev:
 * the device of base. */
bool sr_base_is_registered(uint64_t dev, const struct sr_record *record, const struct sr_identity *identity);

#endif
