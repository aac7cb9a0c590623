/*
 * sr_store.h - the durable truth: registry.mdb, an LMDB file. Knows nothing of shared memory.
 *
 * Five tables:
 *
 *      main       "registry" -> struct sr_meta   what the registry is; changes with base alone
 *                 "clock"    -> struct sr_clock  what grows
 *                 "owner"    -> struct sr_owner  who may call base its own; changes at each adoption
 *                 "riders"   -> struct sr_riders whose edits the last transaction that made several edits made
 *                 "removed" -> id, struct sr_record: what the last unforced unregistering removed (sr_remove.c)
 *                 LMDB keeps the roots of the other tables there, so each transaction writes this page anyway
 *      segments   id (8 bytes, big-endian, so that keys sort by number) -> struct sr_record
 *      tokens     token -> the version that its edit made, and its place in the row of tokens
 *                 place (8 bytes, big-endian) -> token
 *      journal    number (8 bytes, big-endian) -> struct sr_entry: what is over; the last SEGREG_LOG_MAX
 *      paths      path -> id                     so that a path above, below or equal to another's is found by its order
 *
 * Earlier schemas had less: sr_store_upgrade.
 *
 * Values are little-endian with a length of their own and begin with the schema's version. LMDB runs with
 * MDB_NOLOCK: every use is under the commit lock, so there is no reader table that a dead process could spoil. The
 * map size is fixed at creation, far above need. Space is allocated ahead of use, so that on a full disk
 * retirements and deletions, which add nothing, still commit.
 *
 * A commit whose outcome LMDB does not know (it could not write its meta page: MDB_PANIC) breaks the store: the
 * environment is not used again, and generation grows so that handles opened before refuse to change anything.
 */
#ifndef SR_STORE_H
#define SR_STORE_H

#include "sr_access.h"
#include "sr_state.h"
#include "sr_sys.h"

#include <lmdb.h>
#include <sys/types.h>

#define SR_SCHEMA 2u
#define SR_UUID_SIZE 16
#define SR_TOKEN_SIZE 16
#define SR_NONCE_SIZE 16

struct sr_meta {
	unsigned schema; /* that the value was written with; always written as SR_SCHEMA */
	uint8_t uuid[SR_UUID_SIZE];
	uint32_t max_segments, max_lanes;
	int64_t created_at;
	char base[SEGREG_PATH_SIZE]; /* absolute */
};

struct sr_clock {
	uint64_t version; /* edits that changed something */
	uint64_t starts;  /* regions built */
	uint64_t tokens;  /* tokens remembered so far, those forgotten again included */
};

/* A copied registry.mdb has its original's uuid. The nonce tells them apart as soon as either is adopted. */
struct sr_owner {
	uint8_t nonce[SR_NONCE_SIZE]; /* random; base's marker repeats it */
	char place[SEGREG_PATH_SIZE]; /* the registry's directory at the last start: a copy learns here where its original is */
};

/*
 * Edits of others that a transaction made beside its leader's own (sr_group.h). They are named by what is used once in the life
 * of one region: owner and number of a letter.
 */
#define SR_RIDERS_MAX 64u

struct sr_riders {
	uint64_t start; /* of the region that the letters were in: sr_clock.starts */
	uint32_t n;
	struct sr_rider {
		uint64_t owner; /* of the lane: epoch << 32 | lane */
		uint64_t seq;
		uint64_t version; /* that the edit made */
	} rider[SR_RIDERS_MAX];
};

struct sr_record {
	uint64_t id;
	uint64_t born, retired;
	int64_t registered_at, retired_at;
	/* What was registered. */
	uint64_t ino;  /* inode number; 0: reserved only */
	int64_t btime; /* birth time, nanoseconds; 0: the file system keeps none */
	uint64_t fid;  /* sr_identity.fid; 0: the file system has none */
	/* The directory that it was registered in. */
	uint64_t parent_ino; /* 0: base itself, or not known (schema 1) */
	uint64_t parent_fid;
	/* Of a deletion that failed. */
	uint32_t attempts; /* failed ones so far */
	uint8_t error;     /* errno of the last one (all errnos fit) */
	int64_t retry_at;  /* CLOCK_REALTIME, nanoseconds: not tried again before */
	enum sr_state state; /* SR_BUILDING, SR_LIVE, SR_PENDING, SR_DELETING */
	bool is_directory;
	uint16_t path_length;
	char path[SEGREG_PATH_MAX + 1];
};

/* An entry of the journal. What its kind has no use for is 0. */
struct sr_entry {
	uint64_t number;
	uint32_t kind; /* enum segreg_log_kind */
	int64_t at;
	/* A segment that is gone: */
	uint64_t id, born, retired;
	int64_t registered_at, retired_at;
	uint64_t bytes;   /* freed */
	uint64_t decided; /* the version of which a sweep found it unheld; 0: not known */
	uint32_t asked;   /* handles that were asked then */
	bool was_gone;    /* before a sweep came to delete it */
	uint16_t path_length;
	char path[SEGREG_PATH_MAX + 1];
	/* A handle that was taken away: */
	uint32_t lane, uid;
	int64_t pid, attached_at;
	uint64_t pins, snapshots; /* pins: also how many entries were lost */
	char label[SEGREG_LABEL_SIZE];
	/* By whom: */
	uint32_t by_uid;
	int64_t by_pid;
	char by_label[SEGREG_LABEL_SIZE];
};

#define SR_NO_TABLE 0u /* LMDB's own list of free pages has this number */
#define SR_OLD_META "meta" /* the table that schema 1 first had for what main holds now */

struct sr_store {
	const char *path; /* the owner's, and outlives this */
	MDB_env *env;     /* NULL: not open */
	MDB_txn *txn;     /* the transaction under way */
	struct sr_sys_calm calm; /* as long as that is */
	MDB_dbi meta, segments, paths, tokens, journal; /* SR_NO_TABLE: of a schema without it */
	bool upgrades;       /* the transaction under way makes tables: their handles end with it, unless it is committed */
	uint64_t dev, ino;   /* of the file that env has open */
	int fds[2];          /* env's descriptors; -1 */
	uint64_t least;      /* bytes that the file has at least: touching what was cut off of a mapped file ends the process */
	void *map;           /* of the file; NULL: not known */
	int64_t read_at;     /* monotonic time at which the kernel was last asked to read it */
	uint64_t reserved;   /* bytes of the file known to be allocated */
	uint64_t generation; /* of the environment; grows when one is given up */
	bool unknown;        /* the last commit's outcome is not known */
};

/* Make the file, with this access, and its first records, or make them again after a crash in between. 0 or SEGREG_E_*. */
int sr_store_create(struct sr_store *store, const struct sr_meta *meta, const struct sr_access *access);

/* A transaction: opens the environment if it is not. One at a time in a process; the caller holds the commit lock. */
int sr_store_begin(struct sr_store *store);
/* Could this process make a transaction? Asked where another one makes it for it. 0, SEGREG_E_PERM, ... */
int sr_store_check_rights(const struct sr_store *store);
/* For transactions that add records: see that enough space is allocated for the next retirements. SEGREG_E_NOSPC. */
int sr_store_reserve(struct sr_store *store);
/* Durable when it returns 0. SEGREG_E_REOPEN: the outcome is unknown. Anything else: nothing was changed. */
int sr_store_commit(struct sr_store *store);
void sr_store_abort(struct sr_store *store);
/* In the transaction that counts a start: bring the file to SR_SCHEMA, if meta, read in it, is of an earlier one. */
int sr_store_upgrade(struct sr_store *store, const struct sr_meta *meta);
/* Number of the transaction under way. */
uint64_t sr_store_txn(const struct sr_store *store);

/* Close the environment; in a child that was forked without its handlers (abandon) only forget it. */
void sr_store_close(struct sr_store *store, bool abandon);

#define SR_STORE_ABSENT 1 /* no such record */

/* All within a transaction. SEGREG_E_CORRUPT for what this library would not have written. */
int sr_store_get_meta(struct sr_store *store, struct sr_meta *meta);
int sr_store_put_meta(struct sr_store *store, const struct sr_meta *meta);
int sr_store_get_clock(struct sr_store *store, struct sr_clock *clock);
int sr_store_put_clock(struct sr_store *store, const struct sr_clock *clock);
int sr_store_get_owner(struct sr_store *store, struct sr_owner *owner); /* SR_STORE_ABSENT before the first start */
int sr_store_put_owner(struct sr_store *store, const struct sr_owner *owner);
int sr_store_get_riders(struct sr_store *store, struct sr_riders *riders); /* none, if there never were any */
int sr_store_put_riders(struct sr_store *store, const struct sr_riders *riders);

int sr_store_get(struct sr_store *store, uint64_t id, struct sr_record *record);
int sr_store_add(struct sr_store *store, const struct sr_record *record);    /* a new one, with its path */
int sr_store_update(struct sr_store *store, const struct sr_record *record); /* same id and path */
int sr_store_remove(struct sr_store *store, const struct sr_record *record);
/* The segment whose path is equal to, above or below path; SR_STORE_ABSENT. */
int sr_store_overlap(struct sr_store *store, const char *path, uint64_t *id);

/* The version that an edit with this token made; SR_STORE_ABSENT. */
int sr_store_get_token(struct sr_store *store, const unsigned char token[SR_TOKEN_SIZE], uint64_t *version);
/* Remember it, as number place, and forget the one that is SEGREG_TOKENS older. */
int sr_store_put_token(struct sr_store *store, const unsigned char token[SR_TOKEN_SIZE], uint64_t version, uint64_t place);

/* The number of the journal's last entry; 0: it has none. */
int sr_store_last_entry(struct sr_store *store, uint64_t *number);
/* Append an entry, whose number is the next one, and forget the one that is SEGREG_LOG_MAX older. */
int sr_store_put_entry(struct sr_store *store, const struct sr_entry *entry);
/* The first entry after number; SR_STORE_ABSENT. */
int sr_store_next_entry(struct sr_store *store, uint64_t number, struct sr_entry *entry);

/* Forget the last entry again, if it is of that kind and that segment. */
int sr_store_take_back_entry(struct sr_store *store, uint32_t kind, uint64_t id);

/* The record that the last unforced unregistering removed, so that it can be put back; SR_STORE_ABSENT. NULL: there is none. */
int sr_store_get_removed(struct sr_store *store, struct sr_record *record);
int sr_store_put_removed(struct sr_store *store, const struct sr_record *record);

/* How many records there are. */
int sr_store_count(struct sr_store *store, uint32_t *n);
/* Call fn for each record, in order of ids; what it returns other than 0 ends the walk. */
int sr_store_each(struct sr_store *store, int (*fn)(void *arg, const struct sr_record *record), void *arg);

#endif
