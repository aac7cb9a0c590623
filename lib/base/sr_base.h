/*
 * sr_base.h - the base directory: its users, and what a segment's path may be.
 *
 *      BASE/.segreg         the marker: this registry's uuid, start counter, owner and place
 *      BASE/.segreg-lock    locked by everybody who has the registry open
 *      BASE/.segreg-trash   where segments go before they are removed
 *
 * The lock stands beside what it protects. If registry.lock is replaced while it is in use, the locks of the living are on
 * the old one, and who comes by the new one sees nobody; but base is the same, and there he meets them.
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
	bool has_file_ids;     /* whether this file system's handles last: those of FUSE do not outlive a mount */
	char lock_path[SEGREG_PATH_SIZE + 16];
	struct sr_lockfile lockfile;
	struct sr_hold hold; /* of its only byte, shared */
};

/* Open base for a registry in directory registry (both absolute). 0, SEGREG_E_NOENT, ... */
int sr_base_open(struct sr_base *base, const char *path, const char *registry);
void sr_base_close(struct sr_base *base);

/* Join the processes that use base. SR_BASE_TAKEN while another process makes sure that it is alone. */
int sr_base_join(struct sr_base *base);
/* Like sr_base_join, but waits until no other process has joined: SEGREG_E_BUSY after timeout_ms. Makes BASE/.segreg-lock if it is
 * missing, and gives it this access. */
int sr_base_join_alone(struct sr_base *base, const struct sr_access *access, uint32_t timeout_ms);

/* Give an open file or directory in base to base's owner and group, as far as the kernel lets. dir: base. */
void sr_base_give(int dir, int fd, mode_t mode);

/* Its descriptor (O_PATH); -1 with errno. */
int sr_base_fd(struct sr_base *base);

/* Is path one that a segment may have? Looks at the text only. 0, SEGREG_E_PATH. */
int sr_base_check_path(const struct sr_base *base, const char *path);

/* Split a segment's path: parent becomes the directory above ("." for base itself); returns the last component. */
const char *sr_base_parent(const char *path, char parent[SEGREG_PATH_MAX + 1]);

/* What stands at path, reached without leaving base. 0, SEGREG_E_NOENT, SEGREG_E_PATH, ... */
int sr_base_identify(struct sr_base *base, const char *path, struct sr_identity *identity);
/* The same in one call instead of three, for a path beside one that was looked at just before: what is on the way to both is
 * taken to be what it was then. (A deletion takes nothing so: sr_trash.h.) */
int sr_base_identify_beside(struct sr_base *base, const char *path, struct sr_identity *identity);

/* Hash of the file handle of what has that name in dir, or of dir ("" as name); 0 where there is none that lasts. */
uint64_t sr_base_file_id(const struct sr_base *base, int dir, const char *name);

/* Whether the identity is that of what a record registered. Where the file system has file handles these decide, and otherwise inode
 * number and birth time. Of a reservation: whether a builder can have made it. dev: base's. */
bool sr_base_is_registered(uint64_t dev, const struct sr_record *record, const struct sr_identity *identity);

#endif
