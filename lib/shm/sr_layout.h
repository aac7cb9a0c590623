/*
 * sr_layout.h - every byte that processes share: the region's parts, their sizes and their writers.
 *
 * The region is one POSIX shared-memory object. It holds offsets and indexes, never pointers. It is sparse: the
 * registry's limits fix its size, and its use decides how much memory it takes. A part gets memory (sr_region_populate)
 * before any process touches it. So a full /dev/shm makes a call fail, and causes no SIGBUS.
 *
 *      header | base | notes | heads | index levels | slots | details | queue | path map | paths | discards |
 *      row 0 | row 1 | ...
 *
 * header     identity, the two locks, the version, counters
 * base       path of the base directory, so that a process that only pins need not open the database
 * notes      handles that were reclaimed or evicted, until they are in the journal
 * heads      128 bytes per lane: which handle has the lane; a walk over all lanes reads only these
 * index      hash tables from id to slot, one per power of two; only the header's current level is searched
 * slots      16 bytes per segment: what a pin reads (id, state)
 * details    64 bytes per segment: everything else, under the table lock
 * queue      slot numbers of all segments that a sweep must examine
 * path map   one bit per 16 bytes of texts
 * paths      the segments' texts: path below base, then the caller's own bytes
 * discards   what was discarded and is not durable yet
 * row        of a lane: one page with its page map and its letter, the snapshot cells, and one 32-bit count per slot
 *
 * To change a struct here, increment SR_LAYOUT_VERSION. The fingerprint contains the version and the sizes.
 *
 * The comment on a member names its writer. [build]: the builder of the region, before any other process sees it.
 * [commit]: the holder of the commit lock. [table]: the holder of the table lock. [owner]: the handle that has the
 * lane. [byte]: the holder of the lane's byte. [any]: any process, atomically.
 */
#ifndef SR_LAYOUT_H
#define SR_LAYOUT_H

#include "segreg.h"
#include "sys/sr_sys.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define SR_LAYOUT_VERSION 13u
#define SR_MAGIC 0x314745524745531aull /* a control character, then "SEGREG1" */
#define SR_NONE UINT32_MAX             /* no slot, no lane */

/* One of the two locks. Each has cache lines of its own. */
struct sr_lock_word {
	pthread_mutex_t mutex; /* the upper layer: robust, process-shared */
	uint32_t dirty;        /* [holder] enum sr_dirt: what the holder is changing */
	uint32_t pid;          /* [holder] pid of the holder, for messages only */
	uint32_t asked;        /* [any] grows when a thread begins to wait */
	/*
	 * [any] futex: grows when a waiting thread takes the lock or gives up. While it is below asked, a thread waits,
	 * or died waiting.
	 */
	uint32_t served;
} __attribute__((aligned(128)));

enum sr_lock_id {
	SR_LOCK_COMMIT, /* LMDB and the order of edits; held across I/O */
	SR_LOCK_TABLE,  /* the region's tables and the lanes' life; never held across I/O */
	SR_LOCKS
};

/* Parts that grow with use. The header's populated[] has how many bytes of each have memory. */
enum sr_part {
	SR_PART_SLOTS,
	SR_PART_DETAILS,
	SR_PART_QUEUE,
	SR_PART_PATH_MAP,
	SR_PART_PATHS,
	SR_PART_DISCARDS,
	SR_PARTS
};

struct sr_header {
	uint64_t magic;       /* [build] SR_MAGIC */
	uint64_t fingerprint; /* [build] sr_layout_fingerprint() of the builder */
	uint8_t uuid[16];     /* [build] identity of the registry */
	uint64_t lock_dev;    /* [build] device of registry.lock: locks on another file guard nothing here */
	uint64_t lock_ino;
	uint64_t pidns_dev; /* [build] device of the PID namespace in which the mutexes' thread ids are valid */
	uint64_t pidns_ino;
	uint32_t max_segments; /* [build] */
	uint32_t max_lanes;    /* [build] */
	int64_t built_at;      /* [build] CLOCK_REALTIME, nanoseconds */
	uint64_t starts;       /* [build] regions built for this registry, this one included */
	uint32_t ready;        /* [build] set last of all */

	struct sr_lock_word lock[SR_LOCKS];

	/* Every pin reads this line. */
	/* [commit, table] the current level has 2^index_bits entries */
	uint32_t index_bits __attribute__((aligned(128)));

	/* [commit, table] version of the last edit that the region shows */
	uint64_t version __attribute__((aligned(128)));
	uint64_t txn; /* [commit] LMDB transaction that the region reflects */

	/* [any] futex: grows when a sweep may have something to do; never 0 */
	uint32_t wake __attribute__((aligned(128)));
	uint32_t waiters;         /* [any] threads that sleep on wake */
	uint32_t version_wake;    /* [table] futex: grows with version */
	uint32_t version_waiters; /* [any] threads that sleep on version_wake */
	/* Rings (sr_ring.h). While asked differs from answered, a watch wants to be rung. */
	uint32_t work_asked, work_answered;       /* [any] of watches for work: see wake */
	uint32_t version_asked, version_answered; /* [any] of watches for versions */

	/* Letters (sr_letter.c) and groups (sr_group.c). */
	uint32_t letters __attribute__((aligned(128))); /* [any] futex: grows with each letter */
	uint32_t gathering; /* [commit] the value of letters for which a leader waits; 0: no leader waits */
	/* [commit] edits that the last group committed or left waiting; the next leader expects this number */
	uint32_t company;
	uint32_t calls;     /* [any] futex: grows when riders should look at their letters, or try the commit lock */
	uint64_t sync_time; /* [commit] duration of the last LMDB commit, in nanoseconds */
	uint64_t db_bytes;  /* [commit] size of registry.mdb after the last LMDB commit; the file never shrinks */
	/* [commit] LMDB commits since built_at: sum of durations, longest duration, number */
	uint64_t sync_total, sync_most, syncs;
	uint64_t posted[SEGREG_MAX_LANES / 64]; /* [any] lanes whose letter may be waiting */

	/* The table's book-keeping. [table] for all fields; a reconcile computes them anew. */
	uint32_t slot_top __attribute__((aligned(128))); /* slots from here on have never been used */
	/* first free slot below slot_top, linked by queue_pos; SR_NONE: no slot is free */
	uint32_t slot_free;
	uint32_t slots_used;
	uint32_t queue_length;
	uint32_t path_top;            /* path units from here on have never been used */
	uint32_t path_cursor;         /* word of the path map where the search for free units starts */
	uint32_t path_freed;          /* units freed since a search last found no room */
	uint32_t lane_top;            /* [any, only grows] lanes from here on have never been used */
	uint32_t verified;            /* 1: a sweep has looked for missing live segments since the region was built */
	uint64_t populated[SR_PARTS]; /* bytes of each part that have memory */
	uint64_t index_bytes;         /* bytes of all index levels together that have memory */
	uint64_t building, live, pending, deleting, failed, missing;
	uint64_t retired_trees; /* of pending and deleting: directories, and reservations, which may be directories */
	uint64_t deleted, bytes_freed, reclaimed, reclaimed_pins, repairs; /* totals since built_at */

	/* Notes (sr_notes.h). [table] */
	uint64_t notes_made, notes_kept; /* notes added so far; notes that are in the journal, or dropped */
	uint64_t notes_lost;             /* lost notes for which the journal has no entry yet */

	uint64_t discards; /* [table] the ring of discards: place of the first << 32 | their number (sr_discards.h) */
	/* [commit] since when some of them could not be made durable, CLOCK_REALTIME in nanoseconds; 0: all could */
	int64_t discards_since;
	int32_t discards_error; /* [commit] SEGREG_E_*: why the last leader left some of them; 0: it left none */
};
_Static_assert(sizeof(struct sr_header) <= SR_PAGE, "the header is one page");

/* A handle whose lane was reclaimed, because its process died, or evicted. [table] for all fields. */
struct sr_note {
	int64_t at;    /* CLOCK_REALTIME, nanoseconds */
	uint32_t kind; /* SEGREG_LOG_RECLAIMED or SEGREG_LOG_EVICTED */
	uint32_t lane;
	int64_t pid, by_pid; /* by_...: the process that reclaimed or evicted the handle */
	uint32_t uid, by_uid;
	int64_t attached_at;
	uint64_t pins, snapshots;
	char label[SEGREG_LABEL_SIZE], by_label[SEGREG_LABEL_SIZE];
};
_Static_assert(sizeof(struct sr_note) == 128, "notes fill pages");

#define SR_NOTES 1024u

#define SR_DISCARD_PATH 221u

/* A discard that is not durable yet: a path, and what was there. [table] for all fields. */
struct sr_discard {
	uint64_t version; /* current when it was discarded */
	uint64_t ino;     /* identity of what is discarded; 0: nothing was there */
	int64_t btime;
	uint64_t fid;
	uint16_t path_length; /* bytes, without a NUL */
	uint8_t is_directory;
	char path[SR_DISCARD_PATH];
};
_Static_assert(sizeof(struct sr_discard) == 256, "discards fill pages");

#define SR_DISCARDS 1024u

/*
 * A slot: what a pin reads. It serves one segment, from the segment's publication until every lane's count for the slot
 * is 0. Then the slot's generation grows, and the slot may serve another segment.
 */
struct sr_slot {
	uint64_t id;
	/*
	 * generation << 8 | state (sr_state.h). Written under the table lock, except that pins and walks take decisions
	 * back.
	 */
	uint64_t word;
};
_Static_assert(sizeof(struct sr_slot) == 16, "four slots to a cache line");

#define SR_DETAIL_DIRECTORY 1u
#define SR_DETAIL_MISSING 2u
#define SR_DETAIL_WEAK 4u  /* only the inode number of its file is known, neither file handle nor birth time */
#define SR_DETAIL_TRIED 8u /* DELETING: `freed` is valid */

/* The rest of a segment. [table] for all fields. Times are CLOCK_REALTIME in nanoseconds. */
struct sr_detail {
	uint64_t born, retired;
	int64_t registered_at, retired_at;
	union {
		int64_t held_since; /* PENDING: since when it is held */
		uint64_t builder;   /* BUILDING: lane_id of the handle that reserved it; 0: none */
		uint64_t freed;     /* with SR_DETAIL_TRIED: bytes that earlier tries of its deletion gave back */
	};
	int64_t retry_at;
	uint32_t path;            /* number of the first unit of its text */
	unsigned path_length : 9; /* bytes of its path, without a NUL */
	unsigned user_size : 7;   /* bytes of the caller's own, which follow the path */
	uint8_t flags;            /* SR_DETAIL_* */
	uint8_t error;            /* errno of the last failed deletion (all errnos fit) */
	uint32_t attempts;        /* number of failed deletions */
	uint32_t queue_pos;       /* position in the queue; in a free slot: the next free slot */
};
_Static_assert(sizeof(struct sr_detail) == 64, "one cache line");
_Static_assert(SEGREG_PATH_MAX < 1 << 9 && SEGREG_USER_SIZE < 1 << 7, "the lengths of a text fit");

#define SR_PATH_UNIT 16u /* bytes */
#define SR_PATH_UNITS_MAX ((SEGREG_PATH_MAX + SEGREG_USER_SIZE + SR_PATH_UNIT - 1) / SR_PATH_UNIT)

/*
 * An index entry: 0 is empty, otherwise tag << 24 | slot + 1. With the tag a search skips most slots of other ids
 * without reading them.
 */
#define SR_INDEX_SLOT_BITS 24u
#define SR_INDEX_MIN_BITS 10u
/* at most half full, so one bit more than a slot number has */
#define SR_INDEX_LEVELS (SR_INDEX_SLOT_BITS + 2 - SR_INDEX_MIN_BITS)
_Static_assert(SEGREG_MAX_SEGMENTS <= (1u << SR_INDEX_SLOT_BITS) - 2, "slot + 1 fits an index entry");

/*
 * A lane: one handle's row. Lane n is alive while a process holds byte SR_BYTE_LANES + n of registry.lock.
 *
 * FREE: no handle has the lane. USED: the lane's pins and snapshots count. EVICTING: they still count, but the handle
 * cannot add any (sr_lane_evict). EVICTED: they no longer count, and the handle does not know this yet.
 */
enum sr_lane_state { SR_LANE_FREE = 0, SR_LANE_USED = 1, SR_LANE_EVICTING = 2, SR_LANE_EVICTED = 3 };

/*
 * What each count of an evicted lane is set to. It is below 0, so that a pin or unpin of the evicted handle leaves the
 * fast way and finds out. It is far from 0 and from an overflow, so that pins and unpins meanwhile bring it to neither.
 */
#define SR_COUNT_EVICTED 0xc0000000u

#define SR_COUNTS_PER_PAGE (SR_PAGE / 4u)
#define SR_LANE_PAGE_WORDS 256u /* enough bits for the pages of SEGREG_MAX_SEGMENTS counts */
_Static_assert(SR_LANE_PAGE_WORDS * 64 * SR_COUNTS_PER_PAGE >= SEGREG_MAX_SEGMENTS, "a bit for every page of counts");

/* A letter: carries one handle's edit to the leader that commits it. sr_letter.c explains the states. */
enum sr_letter_state { SR_LETTER_FREE, SR_LETTER_POSTED, SR_LETTER_TAKEN, SR_LETTER_DONE, SR_LETTER_FORSAKEN };

#define SR_LETTER_EDIT 1216u
#define SR_LETTER_TEXT 640u

struct sr_letter {
	uint32_t state;                     /* [sr_letter.c has the writers] enum sr_letter_state */
	uint32_t length;                    /* [owner] bytes of edit */
	uint64_t seq;                       /* [owner] grows each time that the handle posts the letter */
	uint64_t version;                   /* [commit] the answer: the version, as from segreg_edit_commit */
	int32_t code;                       /* [commit] the answer: 0 or SEGREG_E_* */
	char text[SR_LETTER_TEXT];          /* [commit] the answer: why code is not 0 */
	unsigned char edit[SR_LETTER_EDIT]; /* [owner] the encoded edit (sr_edit.c) */
};

/* The head of a lane. It changes only while the lane is FREE, by the holder of its byte, or under the table lock. */
struct sr_lane {
	uint32_t state; /* [byte for FREE to USED, else table] enum sr_lane_state */
	uint32_t epoch; /* [table] grows when the lane is freed; 0: never used */
	int64_t pid;    /* [byte] pid of the process, in its own PID namespace; for people, and as a hint */
	uint64_t pidns_dev, pidns_ino;
	uint32_t uid;
	uint32_t cells;      /* [owner grows it, table clears it] number of snapshot cells that have memory */
	uint32_t has_counts; /* [owner sets it, table clears it] 1: at least one page of counts has memory */
	int64_t attached_at;
	char label[SEGREG_LABEL_SIZE];
} __attribute__((aligned(128)));
_Static_assert(sizeof(struct sr_lane) == 128, "heads lie close together");

/*
 * The rest of a lane: this page, then the snapshot cells, then the counts. This page has memory if the lane was ever
 * used.
 */
struct sr_row {
	uint64_t pages[SR_LANE_PAGE_WORDS]; /* [owner sets bits, table clears them] which pages of counts have memory */
	struct sr_letter letter __attribute__((aligned(64)));
};
_Static_assert(sizeof(struct sr_row) <= SR_PAGE, "the first part of a row is one page");

/* A snapshot cell: 0, or version << 2 | enum segreg_snapshot_kind. [owner writes, table clears] */
#define SR_CELLS_PER_PAGE (SR_PAGE / 8u)
#define SR_CELL_PAGES 4u
#define SR_CELLS_MAX (SR_CELL_PAGES * SR_CELLS_PER_PAGE)
#define SR_CELL_KIND_BITS 2u

/*
 * Where the parts are. This follows from the limits, so each process computes it and takes nothing of it from the
 * region.
 */
struct sr_geometry {
	uint32_t max_segments, max_lanes;
	uint32_t index_max_bits;
	uint32_t path_units;
	/* Offsets and sizes in bytes: */
	uint64_t base, notes, heads, index, part[SR_PARTS], part_size[SR_PARTS], rows, row_size;
	uint64_t size;
};

/* Compute the geometry. Returns 0 if a limit is out of range, else 1. */
int sr_geometry_init(struct sr_geometry *geometry, uint32_t max_segments, uint32_t max_lanes);

/* What this build writes into sr_header.fingerprint. */
uint64_t sr_layout_fingerprint(void);

/* Offset of the level with 2^bits entries, from the start of the index part. */
static inline uint64_t sr_index_level(uint32_t bits)
{
	return ((1ull << bits) - (1ull << SR_INDEX_MIN_BITS)) * sizeof(uint32_t);
}

#endif
