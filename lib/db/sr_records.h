/*
 * sr_records.h - what is in registry.mdb: reading and writing the records of sr_record.h in its tables.
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
 * Earlier schemas have fewer tables: see sr_records_upgrade. sr_codec.h describes the bytes of the values.
 */
#ifndef SR_RECORDS_H
#define SR_RECORDS_H

#include "db/sr_store.h"

/*
 * All calls need a transaction of sr_store.h. They return 0 or SEGREG_E_*: SEGREG_E_CORRUPT for a value that this
 * library would not have written.
 */
int sr_records_get_meta(struct sr_store *store, struct sr_meta *meta);
int sr_records_put_meta(struct sr_store *store, const struct sr_meta *meta);
int sr_records_get_clock(struct sr_store *store, struct sr_clock *clock);
int sr_records_put_clock(struct sr_store *store, const struct sr_clock *clock);
int sr_records_get_owner(struct sr_store *store, struct sr_owner *owner); /* SR_STORE_ABSENT before the first start */
int sr_records_put_owner(struct sr_store *store, const struct sr_owner *owner);
/* Sets riders->n to 0 if none were ever written. */
int sr_records_get_riders(struct sr_store *store, struct sr_riders *riders);
int sr_records_put_riders(struct sr_store *store, const struct sr_riders *riders);
/*
 * Bring the file to SR_SCHEMA, if its schema is earlier. Call it in the transaction that counts a start. meta: as read
 * in this transaction.
 */
int sr_records_upgrade(struct sr_store *store, const struct sr_meta *meta);

int sr_records_get(struct sr_store *store, uint64_t id, struct sr_record *record);
int sr_records_add(struct sr_store *store, const struct sr_record *record); /* writes a new record, and its path */
/* Writes a record again; its id and path have not changed. */
int sr_records_update(struct sr_store *store, const struct sr_record *record);
int sr_records_remove(struct sr_store *store, const struct sr_record *record);
/* *id gets the segment at exactly this path. SR_STORE_ABSENT: there is none. */
int sr_records_find(struct sr_store *store, const char *path, uint64_t *id);
/* *id gets an id of the registry's choice that no segment has. Counts it in clock, which the caller writes. */
int sr_records_next_id(struct sr_store *store, struct sr_clock *clock, uint64_t *id);
/* *id gets a segment whose path is equal to, above or below path. SR_STORE_ABSENT: there is none. */
int sr_records_overlap(struct sr_store *store, const char *path, uint64_t *id);

/* *token gets what is remembered of the edit with the token `name`. SR_STORE_ABSENT: the token is not known. */
int sr_records_get_token(struct sr_store *store, const unsigned char name[SR_TOKEN_SIZE], struct sr_token *token);
/* Remember a token, and forget the token SEGREG_TOKENS places before it. */
int sr_records_put_token(struct sr_store *store, const unsigned char name[SR_TOKEN_SIZE], const struct sr_token *token);

/* *number gets the number of the journal's last entry; 0: the journal is empty. */
int sr_records_last_entry(struct sr_store *store, uint64_t *number);
/* Append an entry. Its number must be the next number. Forget the entry SEGREG_LOG_MAX numbers before it. */
int sr_records_put_entry(struct sr_store *store, const struct sr_entry *entry);
/* Read the first entry after number. SR_STORE_ABSENT: there is none. */
int sr_records_next_entry(struct sr_store *store, uint64_t number, struct sr_entry *entry);

/* Remove the last entry, if it has this kind and segment. */
int sr_records_take_back_entry(struct sr_store *store, uint32_t kind, uint64_t id);

/*
 * The record that the last unforced unregistering removed, so that it can be put back. SR_STORE_ABSENT: there is none.
 * sr_records_put_removed with NULL forgets it.
 */
int sr_records_get_removed(struct sr_store *store, struct sr_record *record);
int sr_records_put_removed(struct sr_store *store, const struct sr_record *record);

/* *n gets the number of records. */
int sr_records_count(struct sr_store *store, uint32_t *n);
/* Call fn for each record, in order of ids. A result of fn other than 0 ends the walk, and is returned. */
int sr_records_each(struct sr_store *store, int (*fn)(void *arg, const struct sr_record *record), void *arg);

#endif
