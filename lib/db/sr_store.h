/*
 * sr_store.h - the durable truth: registry.mdb, an LMDB file, and its transactions. What is in it: sr_records.h.
 *
 * LMDB runs with MDB_NOLOCK, because every use is under the commit lock. So there is no reader table that a dead
 * process could damage. The map size is fixed at creation, far above need. sr_store_reserve allocates space ahead of
 * use. So retirements and deletions, which add nothing, still commit on a full disk.
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
/* LMDB's number of the transaction under way. */
uint64_t sr_store_txn(const struct sr_store *store);

/* Close the environment. abandon: only forget it, in a child that was forked without the fork handlers. */
void sr_store_close(struct sr_store *store, bool abandon);

#endif
