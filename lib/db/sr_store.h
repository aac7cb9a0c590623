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
 * environment is not used again, and epoch grows so that handles opened before refuse to change anything.
 */
#ifndef SR_STORE_H
#define SR_STORE_H

#include "sys/sr_access.h"
#include "shm/sr_record.h"
#include "sys/sr_error.h"
#include "sys/sr_sys.h"

#include <lmdb.h>
#include <sys/types.h>

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
	uint64_t epoch; /* of the environment; grows when one is given up */
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

/* ---------------------------------------------------------------- sr_records.c */

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
