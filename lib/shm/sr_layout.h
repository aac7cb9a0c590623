/*
 * sr_layout.h - every byte that processes share: the region's parts, their sizes and their owners.
 *
 * The region is one POSIX shared-memory object. It holds offsets and indexes, never pointers, and is sparse: its
 * size follows from the limits of the registry, its memory from use. A part is given memory (sr_region_populate)
 * before it is touched, so a full /dev/shm is an error from a call and not a SIGBUS.
 *
 *      header | base | notes | heads | index levels | slots | details | queue | path map | paths | row 0 | row 1 | ...
 *
 * header     identity, the two locks, the version, counters
 * base       path of the base directory, so that a process that only pins need not open the database
 * notes      what has become of handles, on its way to the journal
 * heads      who has which lane, 128 bytes each: what everybody looks at who goes through the lanes
 * index      hash tables from id to slot, one per power of two; only the header's current level is searched
 * slots      16 bytes per segment: what a pin reads (id, state)
 * details    64 bytes per segment: everything else, under the table lock
 * queue      slot numbers of all segments that a sweep must look at
 * path map   one bit per 16 bytes of paths
 * paths      the segments' paths below base
 * row        of a lane: one page with its page map and its letter, the snapshot cells, and one 32-bit count per slot
 *
 * Whoever changes a struct here changes SR_LAYOUT_VERSION; sizes are part of the fingerprint as well.
 *
 * Beside each member stands who writes it: [build] the builder of the region before anybody else sees it, [commit]
 * the holder of the commit lock, [table] the holder of the table lock, [owner] the lane's owner, [byte] the holder of the lane's byte, [any] anybody,
 * atomically.
 */
#ifndef SR_LAYOUT_H
#define SR_LAYOUT_H

#include "segreg.h"
#include "sys/sr_sys.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define SR_LAYOUT_VERSION 9u
#define SR_MAGIC 0x314745524745531aull /* a control character, then "SEGREG1" */
#define SR_NONE UINT32_MAX /* no slot, no lane */

/* One of the two locks. On cache lines of its own. */
struct sr_lock_word {
	pthread_mutex_t mutex; /* robust, process-shared; the upper layer */
	uint32_t dirty;        /* [holder] enum sr_dirt: what is being changed */
	uint32_t owner;        /* [holder] pid, for messages only */
	uint32_t asked;        /* [any] grows when somebody begins to wait */
	uint32_t served;       /* [any] futex: grows when one who waited has it, or gives up; below asked: somebody waits, or died waiting */
} __attribute__((aligned(128)));

enum sr_lock_id {
	SR_LOCK_COMMIT, /* LMDB and the order of edits; held across I/O */
	SR_LOCK_TABLE,  /* the region's tables and the lanes' life; never held across I/O */
	SR_LOCKS
};

/* Parts that grow with use: how many bytes of each have memory. */
enum sr_part { SR_PART_SLOTS, SR_PART_DETAILS, SR_PART_QUEUE, SR_PART_PATH_MAP, SR_PART_PATHS, SR_PARTS };

struct sr_header {
	uint64_t magic;       /* [build] SR_MAGIC */
	uint64_t fingerprint; /* [build] of the layout: version, sizes, byte order */
	uint8_t uuid[16];     /* [build] the registry's */
	uint64_t lock_dev;    /* [build] identity of registry.lock: another file's locks guard nothing here */
	uint64_t lock_ino;
	uint64_t pidns_dev;   /* [build] PID namespace in which the mutexes' thread ids mean something */
	uint64_t pidns_ino;
	uint32_t max_segments; /* [build] */
	uint32_t max_lanes;    /* [build] */
	int64_t built_at;      /* [build] CLOCK_REALTIME, nanoseconds */
	uint64_t starts;       /* [build] regions built for this registry, this one included */
	uint32_t ready;        /* [build] last of all */

	struct sr_lock_word lock[SR_LOCKS];

	/* Read by every pin. */
	uint32_t index_bits __attribute__((aligned(128))); /* [commit, table] the current level has 2^index_bits entries */

	uint64_t version __attribute__((aligned(128))); /* [commit, table] of the last edit applied */
	uint64_t txn;                                   /* [commit] LMDB transaction that the region reflects */

	uint32_t wake __attribute__((aligned(128))); /* [any] futex: grows when a sweep may have something to do; never 0 */
	uint32_t waiters;                            /* [any] sleepers on wake */
	uint32_t version_wake;    /* [table] futex: grows with version */
	uint32_t version_waiters; /* [any] sleepers on version_wake */

	/* Letters (sr_letter.h) and groups (sr_group.c). */
	uint32_t letters __attribute__((aligned(128))); /* [any] futex: grows with each letter */
	uint32_t gathering; /* [commit] the value of letters that a leader waits for; 0: none does */
	uint32_t company;   /* [commit] edits that were committed or waited when the last group ended: so many may come again */
	uint32_t calls;     /* [any] futex: grows when riders should look at their letters, or try the commit lock */
	uint64_t sync_time; /* [commit] nanoseconds that the last commit to LMDB took, */
	uint64_t db_bytes;  /* [commit] size of registry.mdb after that: it never gets smaller */
	uint64_t sync_total, sync_most, syncs; /* [commit] all since built_at, the longest, and how many these were */
	uint64_t posted[SEGREG_MAX_LANES / 64]; /* [any] lanes whose letter may be waiting */

	/* The table's book-keeping. [table] throughout; rebuilt by a reconcile. */
	uint32_t slot_top __attribute__((aligned(128))); /* slots beyond have never been used */
	uint32_t slot_free;                              /* first of the free slots below slot_top, linked by queue_pos; SR_NONE */
	uint32_t slots_used;
	uint32_t queue_length;
	uint32_t path_top;    /* path units beyond have never been used */
	uint32_t path_cursor; /* where the search for free units starts */
	uint32_t path_freed;  /* units given back since a search last found nothing */
	uint32_t lane_top;    /* [any, grows] lanes beyond have never been used */
	uint32_t verified;    /* a sweep has looked for missing live segments since the region was built */
	uint64_t populated[SR_PARTS]; /* bytes that have memory */
	uint64_t index_bytes;         /* the same for all levels together */
	uint64_t building, live, pending, deleting, failed, missing;
	uint64_t deleted, bytes_freed, reclaimed, reclaimed_pins, repairs; /* since built_at */

	/* Notes (sr_notes.h). [table] */
	uint64_t notes_made, notes_kept; /* so far: written into the row; in the journal, or dropped */
	uint64_t notes_lost;             /* things that the journal missed and has not told yet */
};
_Static_assert(sizeof(struct sr_header) <= SR_PAGE, "the header is one page");

/* A handle that somebody took away: from the dead, or from the living. [table] throughout. */
struct sr_note {
	int64_t at; /* CLOCK_REALTIME, nanoseconds */
	uint32_t kind; /* SEGREG_LOG_RECLAIMED, SEGREG_LOG_EVICTED */
	uint32_t lane;
	int64_t pid, by_pid;
	uint32_t uid, by_uid;
	int64_t attached_at;
	uint64_t pins, snapshots;
	char label[SEGREG_LABEL_SIZE], by_label[SEGREG_LABEL_SIZE];
};
_Static_assert(sizeof(struct sr_note) == 128, "notes fill pages");

#define SR_NOTES 1024u

/*
 * A slot: what a pin reads. It belongs to one segment from its publication until every lane's count for it is zero;
 * then its generation grows and it may serve another.
 */
struct sr_slot {
	uint64_t id;
	uint64_t word; /* generation << 8 | state (sr_state.h); written under the table lock, read by anybody */
};
_Static_assert(sizeof(struct sr_slot) == 16, "four slots to a cache line");

#define SR_DETAIL_DIRECTORY 1u
#define SR_DETAIL_MISSING 2u
#define SR_DETAIL_WEAK 4u /* only its inode number is known: neither file handle nor birth time */

/* The rest of a segment. [table] throughout. Times are CLOCK_REALTIME nanoseconds. */
struct sr_detail {
	uint64_t born, retired;
	int64_t registered_at, retired_at;
	union {
		int64_t held_since; /* PENDING */
		uint64_t builder;   /* BUILDING: owner of the builder's lane, as in struct segreg; 0: nobody */
	};
	int64_t retry_at;
	uint32_t path;        /* first unit of its path */
	uint16_t path_length; /* bytes, without a NUL */
	uint8_t flags;        /* SR_DETAIL_* */
	uint8_t error;        /* errno of the last failed deletion (all errnos fit) */
	uint32_t attempts;    /* failed deletions */
	uint32_t queue_pos;   /* its place in the queue; of a free slot: the next free one */
};
_Static_assert(sizeof(struct sr_detail) == 64, "one cache line");

#define SR_PATH_UNIT 16u /* bytes */
#define SR_PATH_UNITS_MAX ((SEGREG_PATH_MAX + SR_PATH_UNIT - 1) / SR_PATH_UNIT)

/* An index entry: 0 is empty, otherwise tag << 24 | slot + 1. The tag saves a look at most slots that are not the one. */
#define SR_INDEX_SLOT_BITS 24u
#define SR_INDEX_MIN_BITS 10u
#define SR_INDEX_LEVELS (SR_INDEX_SLOT_BITS + 2 - SR_INDEX_MIN_BITS) /* half full at most: one bit more than a slot number has */
_Static_assert(SEGREG_MAX_SEGMENTS <= (1u << SR_INDEX_SLOT_BITS) - 2, "slot + 1 fits an index entry");

/*
 * A lane: one handle's row. Lane n is alive while somebody holds byte SR_BYTE_LANES + n of registry.lock.
 *
 * FREE: nobody's. USED: what it has counts. EVICTING: it still counts, but is getting no more (sr_lane_evict). EVICTED: what it has
 * does not count any more; its owner does not know yet.
 */
enum sr_lane_state { SR_LANE_FREE = 0, SR_LANE_USED = 1, SR_LANE_EVICTING = 2, SR_LANE_EVICTED = 3 };

/* A count of an evicted lane: below 0, so that a pin or unpin of its owner's leaves the fast way and finds out, and far from 0 on
 * both sides. */
#define SR_COUNT_EVICTED 0xc0000000u

#define SR_COUNTS_PER_PAGE (SR_PAGE / 4u)
#define SR_LANE_PAGE_WORDS 256u /* bits for SEGREG_MAX_SEGMENTS counts */
_Static_assert(SR_LANE_PAGE_WORDS * 64 * SR_COUNTS_PER_PAGE >= SEGREG_MAX_SEGMENTS, "a bit for every page of counts");

/* A letter in which one handle's edit travels with another's commit: sr_letter.h has its life. */
enum sr_letter_state { SR_LETTER_FREE, SR_LETTER_POSTED, SR_LETTER_TAKEN, SR_LETTER_DONE, SR_LETTER_FORSAKEN };

#define SR_LETTER_EDIT 1216u
#define SR_LETTER_TEXT 640u

struct sr_letter {
	uint32_t state;  /* [as sr_letter.h says] enum sr_letter_state */
	uint32_t length; /* [owner] of edit, in bytes */
	uint64_t seq;    /* [owner] grows with each posting */
	uint64_t version; /* [commit] the answer: as segreg_edit_commit's, */
	int32_t code;    /* [commit] 0 or SEGREG_E_*, */
	char text[SR_LETTER_TEXT]; /* [commit] and why */
	unsigned char edit[SR_LETTER_EDIT]; /* [owner] */
};

/* Its head. What is in a head changes only while it is FREE [byte], or under the table lock. */
struct sr_lane {
	uint32_t state; /* [byte: FREE to USED; else table] enum sr_lane_state */
	uint32_t epoch; /* [table] grows when the lane is freed; 0: never used */
	int64_t pid;    /* [byte] in its own namespace; for people and as a hint */
	uint64_t pidns_dev, pidns_ino;
	uint32_t uid;
	uint32_t cells; /* [owner grows, table clears] snapshot cells that have memory */
	uint32_t has_counts; /* [owner sets, table clears] any page of counts has memory */
	int64_t attached_at;
	char label[SEGREG_LABEL_SIZE];
} __attribute__((aligned(128)));
_Static_assert(sizeof(struct sr_lane) == 128, "heads lie close together");

/* The rest of a lane: this page, the snapshot cells, the counts. It has memory if the lane was ever used. */
struct sr_row {
	uint64_t pages[SR_LANE_PAGE_WORDS]; /* [owner sets, table clears] which pages of counts have memory */
	struct sr_letter letter __attribute__((aligned(64)));
};
_Static_assert(sizeof(struct sr_row) <= SR_PAGE, "the first part of a row is one page");

/* A snapshot cell: 0, or version << 2 | enum segreg_snapshot_kind. [owner writes, table clears] */
#define SR_CELLS_PER_PAGE (SR_PAGE / 8u)
#define SR_CELL_PAGES 4u
#define SR_CELLS_MAX (SR_CELL_PAGES * SR_CELLS_PER_PAGE)
#define SR_CELL_KIND_BITS 2u

/* Where the parts are: follows from the limits, so each process computes its own and believes nothing of it from the region. */
struct sr_geometry {
	uint32_t max_segments, max_lanes;
	uint32_t index_max_bits;
	uint32_t path_units;
	uint64_t base, notes, heads, index, part[SR_PARTS], part_size[SR_PARTS], rows, row_size; /* offsets and sizes in bytes */
	uint64_t size;
};

/* False if a limit is out of range. */
int sr_geometry_init(struct sr_geometry *geometry, uint32_t max_segments, uint32_t max_lanes);

/* What this build would write into sr_header.fingerprint. */
uint64_t sr_layout_fingerprint(void);

/* Offset of index level bits, below the index part. */
static inline uint64_t sr_index_level(uint32_t bits)
{
	return ((1ull << bits) - (1ull << SR_INDEX_MIN_BITS)) * sizeof(uint32_t);
}

#endif
