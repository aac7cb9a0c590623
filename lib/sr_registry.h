/*
 * sr_registry.h - what one process has of one registry (shared by its handles), and what one handle has.
 */
#ifndef SR_REGISTRY_H
#define SR_REGISTRY_H

#include "sr_base.h"
#include "sr_filelock.h"
#include "sr_lock.h"
#include "sr_region.h"
#include "sr_store.h"

#include <fcntl.h>

struct sr_registry {
	struct sr_registry *next; /* all of this process (sr_handle.c) */
	unsigned refs;            /* handles */
	struct segreg *handles;
	uint64_t fork_generation; /* made by this process, if it equals sr_fork_generation() */

	char dir[SEGREG_PATH_SIZE]; /* absolute */
	char lock_path[SEGREG_PATH_SIZE + 16];
	char store_path[SEGREG_PATH_SIZE + 16];
	uint8_t uuid[SR_UUID_SIZE];

	struct sr_lockfile lockfile;
	struct sr_hold attach; /* SR_BYTE_ATTACH, shared */
	struct sr_region region;
	char region_name[SR_REGION_NAME_SIZE];
	struct sr_locks locks;
	struct sr_store store; /* under the commit lock */
	struct sr_base base;
	uint64_t pidns_dev, pidns_ino; /* of this process; 0 if not known */
	pthread_mutex_t mutex; /* guards the growing of this process's lanes, and the taking of holds against a fork */
	bool orphaned;         /* inherited through a bare clone(2): its mutexes and its store may be in any state */
};

#define SR_HANDLE_MAGIC 0x73656772u

struct segreg {
	struct segreg *next; /* handle on the same registry in this process */
	uint32_t magic;
	uint32_t lane;
	uint64_t fork_generation; /* of the process that attached */
	uint64_t owner;           /* epoch << 32 | lane: what its pins carry */
	struct sr_region region;  /* a copy of the registry's: a pin finds everything here */
	struct sr_lane *lane_page;
	uint32_t *counts;
	uint32_t timeout_ms;
	uint64_t store_generation; /* refuse changes if the store's is another */
	struct sr_registry *registry;
	struct sr_hold hold; /* the lane's byte */
	char label[SEGREG_LABEL_SIZE];
	char base[SEGREG_PATH_SIZE]; /* for segreg_base_path: stays where it is until segreg_close */
};

/*
 * Hold a byte of registry.lock for a while. No fork may come between the opening of its file and the closing: the
 * child would have a descriptor of it, and the lock would outlive us. The fork handlers take the mutex.
 */
static inline int sr_registry_hold(struct sr_registry *registry, off_t byte, struct sr_hold *hold)
{
	int rc;

	pthread_mutex_lock(&registry->mutex);
	rc = sr_hold_take(&registry->lockfile, byte, F_WRLCK, hold);
	pthread_mutex_unlock(&registry->mutex);
	return rc;
}

#endif
