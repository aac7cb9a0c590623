/*
 * sr_registry.h - what one process has of one registry (shared by its handles), and what one handle has.
 */
#ifndef SR_REGISTRY_H
#define SR_REGISTRY_H

#include "base/sr_base.h"
#include "sys/sr_filelock.h"
#include "shm/sr_lock.h"
#include "registry/sr_leases.h"
#include "registry/sr_queue.h"
#include "shm/sr_region.h"
#include "db/sr_store.h"

#include <fcntl.h>

/* Functions that are called a hundred million times a second: each on instruction cache lines of its own. */
#define SR_HOT __attribute__((hot, aligned(64)))
/* Rare work that hot functions leave to others, so that they need no stack themselves. */
#define SR_COLD __attribute__((cold, noinline))
#define SR_LIKELY(condition) __builtin_expect(condition, 1)
#define SR_UNLIKELY(condition) __builtin_expect(condition, 0)

struct sr_registry {
	struct sr_registry *next; /* all of this process (sr_process.c) */
	enum {
		SR_OPENING,
		SR_OPEN,
		SR_CLOSING
	} life;        /* SR_OPENING, SR_CLOSING: a thread attaches or detaches it, without a lock */
	unsigned refs; /* handles, and threads that are opening one */
	struct sr_attachment *attachments;
	uint64_t fork_no; /* made by this process, if it equals sr_fork_no() */

	char dir[SEGREG_PATH_SIZE]; /* absolute */
	char lock_path[SEGREG_PATH_SIZE + 16];
	char store_path[SEGREG_PATH_SIZE + 16];
	uint8_t uuid[SR_UUID_SIZE];

	struct sr_lockfile lockfile;
	struct sr_hold attach; /* SR_BYTE_ATTACH, shared */
	struct sr_region region;
	char region_name[SR_REGION_NAME_SIZE];
	struct sr_locks locks;
	struct sr_store store;   /* under the commit lock */
	struct sr_leases leases; /* under the commit lock */
	struct sr_queue queue;   /* threads whose edits wait for a leader of this process */
	struct sr_base base;
	uint32_t has_discarded;        /* this process has left discards in shared memory since it last led a group */
	uint64_t pidns_dev, pidns_ino; /* of this process; 0 if not known */
	pthread_mutex_t mutex;         /* guards the growing of this process's lanes */
	bool is_quiet;      /* in fork(2): no thread of this process has the commit lock, and none gets it meanwhile */
	bool made_lockfile; /* this call of segreg_open made registry.lock */
	bool orphaned;      /* inherited, and its store may be in any state */
};

#define SR_HANDLE_MAGIC 0x73656772u

/*
 * A handle, as its calls see it. It lies in memory of its own, which reads as zeros in a forked child (MADV_WIPEONFORK)
 * and is never given back to the system. So a call in a child, or with a closed handle, finds no magic. A pin need not
 * ask in which process it runs.
 */
struct segreg {
	/* What a pin needs: one cache line. */
	const struct sr_level *level; /* of the index, as an earlier pin found it; an old one leads to misses only */
	struct sr_slot *slots;        /* region.slots */
	uint32_t *counts;             /* of the lane */
	uint64_t lane_id;             /* epoch << 32 | lane: what its pins carry */
	uint32_t n_counts_mapped;     /* all counts below have memory */
	uint32_t magic;

	uint32_t lane;
	uint32_t timeout_ms;
	uint32_t letter_in_use; /* by a thread of this process */
	uint32_t waits_are_off; /* segreg_wait_off: waits of this handle end */
	struct sr_lane *lane_head;
	struct sr_row *row;
	struct sr_registry *registry;
	struct sr_attachment *attachment;
	uint64_t store_epoch;    /* refuse changes if the store's is another */
	uint64_t open_number;    /* handles that this process had opened: an edit names its handle by it */
	struct sr_region region; /* a copy of the registry's */
};

/* Whether reg is a handle that is attached in this process. Then a call may go on at once. */
static inline bool sr_is_ready(const struct segreg *reg)
{
	return reg && sr_load_acquire_u32(&reg->magic) == SR_HANDLE_MAGIC;
}

/* What a forked child must know of a handle to attach it anew. */
struct sr_attachment {
	struct sr_attachment *next; /* on the same registry in this process */
	struct segreg *reg;
	struct sr_registry *registry;
	uint64_t fork_no;       /* of the process that attached it */
	bool arriving, leaving; /* a thread of this process attaches it anew, or closes it, without a lock */
	bool is_inherited;      /* the parent process opened it */
	struct sr_hold hold;    /* the lane's byte */
	uint32_t timeout_ms;
	char label[SEGREG_LABEL_SIZE];
	char base[SEGREG_PATH_SIZE]; /* for segreg_base_path: stays where it is until segreg_close */
};

/* Hold a byte of registry.lock for a while. */
static inline int sr_registry_hold(struct sr_registry *registry, off_t byte, struct sr_hold *hold)
{
	return sr_hold_take(&registry->lockfile, byte, F_WRLCK, hold);
}

#endif
