/*
 * sr_store.h - the durable truth: registry.mdb, an LMDB file. This room knows nothing of shared memory.
 *
 * Six tables:
 *
 *      main       "registry" -> struct sr_meta   what the registry is; changes with base alone
 *                 "clock"    -> struct sr_clock  counters
 *                 "owner"    -> struct sr_owner  which registry.mdb owns base; changes at each adoption
 *                 "riders"   -> struct sr_riders the riders of the last transaction that committed several edits
 *                 "removed" -> id, struct sr_record: what the last unforced unregistering removed (sr_remove.c)
 *                 LMDB keeps the roots of the other tables in main, so each transaction writes this page anyway
 *      segments   id (8 bytes, big-endian, so that keys sort by number) -> struct sr_record
 *      tokens     token -> struct sr_token
 *                 place (8 bytes, big-endian) -> token
 *      journal    number (8 bytes, big-endian) -> struct sr_entry: what has ended; the last SEGREG_LOG_MAX entries
 *      leases     name -> struct sr_lease (sr_lease_record.h)
 *      paths      path -> id; the order of keys finds a path above, below or equal to another
 *
 * Earlier schemas have fewer tables: see sr_store_upgrade.
 *
 * Values are little-endian and begin with the schema's version. LMDB stores the length of each value. LMDB runs with
 * MDB_NOLOCK, because every use is under the commit lock. So there is no reader table that a dead process could damage.
 * The map size is fixed at creation, far above need. sr_store_reserve allocates space ahead of use. So retirements and
 * deletions, which add nothing, still commit on a full disk.
 *
 * If LMDB cannot write its meta page (MDB_PANIC), the outcome of the commit is unknown. Then the store does not use
 * this environment again. It increments epoch, so that handles opened before refuse to change anything.
 */
#ifndef SR_STORE_H
#define SR_STORE_H

#include "sys/sr_access.h"
#include "shm/sr_record.h"
#include "sys/sr_error.h"
#include "sys/sr_sys.h"

#include <lmdb.h>
#include <sys/types.h>

#define SR_NO_TABLE 0u     /* no table: LMDB uses this number for its own list of free pages */
#define SR_OLD_META "meta" /* the table in which schema 1 first kept what main holds now */

struct sr_store {
	const char *path;                                       /* the caller's string, which outlives the store */
	MDB_env *env;                                           /* NULL: the environment is not open */
	MDB_txn *txn;                                           /* the transaction under way, or NULL */
	struct sr_sys_calm calm;                                /* holds SIGXFSZ back while txn is under way */
	MDB_dbi meta, segments, paths, tokens, journal, leases; /* SR_NO_TABLE: the file's schema has no such table */
	bool upgrades;     /* txn makes tables; LMDB closes their handles unless txn commits */
	uint64_t dev, ino; /* identity of the file that env has open */
	int fds[2];        /* env's two descriptors; -1: not known */
	/* the file had this many bytes; a load from a mapped page that was cut off would end the process */
	uint64_t least;
	void *map;         /* LMDB's mapping of the file; NULL: not known */
	int64_t read_at;   /* monotonic time of the last read ahead */
	uint64_t reserved; /* bytes of the file that are known to be allocated */
	uint64_t epoch;    /* grows when the outcome of a commit is unknown */
	bool unknown;      /* the outcome of the last commit is not known */
};

/* Make the file, with this access, and its first records. Fails if there is a file already. Returns 0 or SEGREG_E_*. */
int sr_store_create(struct sr_store *store, const struct sr_meta *meta, const struct sr_access *access);

/*
 * Begin a transaction; open the environment if it is not open. A process has one transaction at a time. The caller
 * holds the commit lock.
 */
int sr_store_begin(struct sr_store *store);
/*
 * Whether this process itself may make a transaction: a rider asks this before another process makes it. Returns 0,
 * SEGREG_E_PERM or another SEGREG_E_*.
 */
int sr_store_check_rights(const struct sr_store *store);
/* For a transaction that adds records: allocate enough space for later retirements and deletions. SEGREG_E_NOSPC. */
int sr_store_reserve(struct sr_store *store);
/*
 * Commit. 0: the transaction is durable. SEGREG_E_REOPEN: the outcome is unknown. Any other error: nothing was changed.
 */
int sr_store_commit(struct sr_store *store);
void sr_store_abort(struct sr_store *store);
/*
 * Bring the file to SR_SCHEMA, if its schema is earlier. Call it in the transaction that counts a start. meta: as read
 * in this transaction.
 */
int sr_store_upgrade(struct sr_store *store, const struct sr_meta *meta);
/* LMDB's number of the transaction under way. */
uint64_t sr_store_txn(const struct sr_store *store);

/* Close the environment. abandon: only forget it, in a child that was forked without the fork handlers. */
void sr_store_close(struct sr_store *store, bool abandon);

/* ---------------------------------------------------------------- sr_records.c */

/*
 * All calls below need a transaction. They fail with SEGREG_E_CORRUPT for a value that this library would not have
 * written.
 */
int sr_store_get_meta(struct sr_store *store, struct sr_meta *meta);
int sr_store_put_meta(struct sr_store *store, const struct sr_meta *meta);
int sr_store_get_clock(struct sr_store *store, struct sr_clock *clock);
int sr_store_put_clock(struct sr_store *store, const struct sr_clock *clock);
int sr_store_get_owner(struct sr_store *store, struct sr_owner *owner); /* SR_STORE_ABSENT before the first start */
int sr_store_put_owner(struct sr_store *store, const struct sr_owner *owner);
/* Sets riders->n to 0 if none were ever written. */
int sr_store_get_riders(struct sr_store *store, struct sr_riders *riders);
int sr_store_put_riders(struct sr_store *store, const struct sr_riders *riders);

int sr_store_get(struct sr_store *store, uint64_t id, struct sr_record *record);
int sr_store_add(struct sr_store *store, const struct sr_record *record); /* writes a new record, and its path */
/* Writes a record again; its id and path have not changed. */
int sr_store_update(struct sr_store *store, const struct sr_record *record);
int sr_store_remove(struct sr_store *store, const struct sr_record *record);
/* *id gets the segment at exactly this path. SR_STORE_ABSENT: there is none. */
int sr_store_find(struct sr_store *store, const char *path, uint64_t *id);
/* *id gets an id of the registry's choice that no segment has. Counts it in clock, which the caller writes. */
int sr_store_next_id(struct sr_store *store, struct sr_clock *clock, uint64_t *id);
/* *id gets a segment whose path is equal to, above or below path. SR_STORE_ABSENT: there is none. */
int sr_store_overlap(struct sr_store *store, const char *path, uint64_t *id);

/* *token gets what is remembered of the edit with the token `name`. SR_STORE_ABSENT: the token is not known. */
int sr_store_get_token(struct sr_store *store, const unsigned char name[SR_TOKEN_SIZE], struct sr_token *token);
/* Remember a token, and forget the token SEGREG_TOKENS places before it. */
int sr_store_put_token(struct sr_store *store, const unsigned char name[SR_TOKEN_SIZE], const struct sr_token *token);

/* *number gets the number of the journal's last entry; 0: the journal is empty. */
int sr_store_last_entry(struct sr_store *store, uint64_t *number);
/* Append an entry. Its number must be the next number. Forget the entry SEGREG_LOG_MAX numbers before it. */
int sr_store_put_entry(struct sr_store *store, const struct sr_entry *entry);
/* Read the first entry after number. SR_STORE_ABSENT: there is none. */
int sr_store_next_entry(struct sr_store *store, uint64_t number, struct sr_entry *entry);

/* Remove the last entry, if it has this kind and segment. */
int sr_store_take_back_entry(struct sr_store *store, uint32_t kind, uint64_t id);

/*
 * The record that the last unforced unregistering removed, so that it can be put back. SR_STORE_ABSENT: there is none.
 * sr_store_put_removed with NULL forgets it.
 */
int sr_store_get_removed(struct sr_store *store, struct sr_record *record);
int sr_store_put_removed(struct sr_store *store, const struct sr_record *record);

/* *n gets the number of records. */
int sr_store_count(struct sr_store *store, uint32_t *n);
/* Call fn for each record, in order of ids. A result of fn other than 0 ends the walk, and is returned. */
int sr_store_each(struct sr_store *store, int (*fn)(void *arg, const struct sr_record *record), void *arg);

#endif
