/*
 * sr_lease_record.h - retention leases in registry.mdb: the table "leases", name -> struct sr_lease.
 *
 *      lease    u8 schema, u64 floor, i64 put_at, i64 changed_at, u32 by_uid, i64 by_pid, u8 length of by_label,
 *               by_label, then for each item u64 id, u64 born (to the end)
 *
 * All calls need a transaction. They fail with SEGREG_E_CORRUPT for a value that this library would not have written.
 */
#ifndef SR_LEASE_RECORD_H
#define SR_LEASE_RECORD_H

#include "db/sr_store.h"

struct sr_lease {
	char name[SEGREG_LEASE_NAME_MAX + 1];
	uint64_t floor;             /* it holds what is retired after this version; SEGREG_LEASE_LISTED: nothing */
	int64_t put_at, changed_at; /* when its name was put first; when floor or items changed last */
	uint32_t by_uid;            /* the process that changed it last */
	int64_t by_pid;
	char by_label[SEGREG_LABEL_SIZE];
	struct segreg_lease_item *items; /* ascending by id, then born, each once; sr_lease_record_free frees them */
	size_t n;
};

/* The order of items, by id, then born; for qsort and bsearch, also of structs that begin with an item. */
int sr_lease_record_compare(const void *left, const void *right);
/* Whether items are ascending, each once. */
bool sr_lease_record_is_sorted(const struct segreg_lease_item *items, size_t n);

/* *lease gets the lease of that name. SR_STORE_ABSENT: there is none. */
int sr_lease_record_get(struct sr_store *store, const char *name, struct sr_lease *lease);
/* *lease gets the first lease whose name is behind `after`, byte by byte; "" starts. SR_STORE_ABSENT: there is none. */
int sr_lease_record_next(struct sr_store *store, const char *after, struct sr_lease *lease);
int sr_lease_record_put(struct sr_store *store, const struct sr_lease *lease);
/* SR_STORE_ABSENT: there is none. */
int sr_lease_record_drop(struct sr_store *store, const char *name);
int sr_lease_record_count(struct sr_store *store, size_t *n);

void sr_lease_record_free(struct sr_lease *lease);

#endif
