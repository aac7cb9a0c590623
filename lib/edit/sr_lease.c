/*
 * sr_lease.c - retention leases: putting, dropping and listing them.
 *
 * A lease is a durable change like an edit, and makes no version. Nothing of it is in shared memory: a sweep reads the
 * leases in the transaction in which it decides (sr_leases.h). So a crash at any point leaves the old lease or the new
 * one, and no repair knows of leases.
 */
#include "edit/sr_lease.h"
#include "db/sr_lease_record.h"
#include "db/sr_records.h"
#include "edit/sr_discard.h"
#include "registry/sr_change.h"
#include "registry/sr_journal.h"
#include "sys/sr_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Find out which segment an item without a version means. */
static int resolve(struct sr_store *store, struct segreg_lease_item *item)
{
	struct sr_record record;
	int rc;

	if (item->born)
		return 0;
	rc = sr_records_get(store, item->id, &record);
	if (rc == SR_STORE_ABSENT)
		return sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is not registered (segctl log %" PRIu64 ")",
			       item->id, item->id);
	if (!rc && record.state != SR_LIVE && record.state != SR_PENDING)
		return sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is %s: no lease can hold it", item->id,
			       segreg_state_name((enum segreg_state)record.state));
	item->born = record.born;
	return rc;
}

/* Fill in lease's items, sorted, each once. */
static int take_items(struct sr_store *store, const struct segreg_lease_item *items, size_t n, struct sr_lease *lease)
{
	size_t kept = 0;
	int rc = 0;

	lease->items = n ? sr_sys_malloc(n * sizeof(*items)) : NULL;
	if (n && !lease->items)
		return sr_fail(SEGREG_E_NOMEM, "no memory for the %zu segments of a lease", n);
	for (size_t i = 0; i < n && !rc; i++) {
		lease->items[i] = items[i];
		rc = resolve(store, &lease->items[i]);
	}
	if (rc || !n)
		return rc;
	qsort(lease->items, n, sizeof(*items), sr_lease_record_compare);
	for (size_t i = 1; i < n; i++)
		if (sr_lease_record_compare(&lease->items[kept], &lease->items[i]))
			lease->items[++kept] = lease->items[i];
	lease->n = kept + 1;
	return 0;
}

static int take_floor(const struct sr_clock *clock, uint64_t floor, struct sr_lease *lease)
{
	if (floor == SEGREG_LEASE_NOW)
		floor = clock->version;
	else if (floor != SEGREG_LEASE_LISTED && floor > clock->version)
		return sr_fail(SEGREG_E_INVAL,
			       "invalid argument: the floor %" PRIu64 " is beyond the current version, %" PRIu64, floor,
			       clock->version);
	lease->floor = floor;
	return 0;
}

static bool is_same(const struct sr_lease *a, const struct sr_lease *b)
{
	return a->floor == b->floor && a->n == b->n && (!a->n || !memcmp(a->items, b->items, a->n * sizeof(*a->items)));
}

static int check_room(struct sr_store *store)
{
	size_t n = 0;
	int rc = sr_lease_record_count(store, &n);

	return rc || n < SEGREG_LEASES_MAX
		       ? rc
		       : sr_fail(SEGREG_E_FULL, "the registry has %u leases already (segctl lease ls)",
				 SEGREG_LEASES_MAX);
}

/* Write a lease, or drop it if there is no lease. The journal notes the first and the last of a name. */
static int write_change(struct sr_change *change, const char *name, const struct sr_lease *lease, bool is_noted,
			struct sr_journal *journal)
{
	struct sr_store *store = &change->reg->registry->store;
	struct sr_entry entry = { .kind = lease ? SEGREG_LOG_LEASED : SEGREG_LOG_LEASE_DROPPED };
	int rc = lease ? sr_lease_record_put(store, lease) : sr_lease_record_drop(store, name);

	change->clock.leases++;
	entry.path_length = (uint16_t)snprintf(entry.path, sizeof(entry.path), "%s", name);
	entry.decided = change->clock.version;
	if (!rc)
		rc = sr_records_put_clock(store, &change->clock);
	if (!rc)
		rc = sr_journal_begin(journal, change->reg);
	if (!rc && is_noted)
		rc = sr_journal_put(journal, &entry);
	return rc;
}

/* Commit what write_change wrote. Ends the change. */
static int finish(struct sr_change *change, const struct sr_journal *journal, int rc)
{
	struct sr_region *region = &change->reg->region;

	SR_STOP("lease.written");
	if (!rc)
		rc = sr_change_commit_open(change);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (rc) {
		sr_change_cancel(change);
		return rc;
	}
	sr_journal_end(journal);
	sr_change_finish(change);
	sr_region_wake(region); /* the lease may hold less than before */
	return 0;
}

static int put(struct sr_change *change, struct sr_lease *lease, const struct sr_lease *old)
{
	struct sr_store *store = &change->reg->registry->store;
	struct sr_journal journal;
	int rc = old ? 0 : check_room(store);

	lease->changed_at = sr_sys_realtime();
	lease->put_at = old ? old->put_at : lease->changed_at;
	lease->by_pid = getpid();
	lease->by_uid = geteuid();
	snprintf(lease->by_label, sizeof(lease->by_label), "%s", change->reg->attachment->label);
	if (!rc)
		rc = sr_store_reserve(store);
	if (!rc)
		rc = write_change(change, lease->name, lease, !old, &journal);
	return finish(change, &journal, rc);
}

int sr_lease_put(struct segreg *reg, const char *name, uint64_t floor, const struct segreg_lease_item *items, size_t n)
{
	struct sr_store *store = &reg->registry->store;
	struct sr_lease lease = { .n = 0 }, old = { .n = 0 };
	struct sr_change change;
	bool is_there;
	int rc = sr_discard_flush(reg); /* what was discarded before the lease, it does not hold */

	if (!rc)
		rc = sr_change_begin(&change, reg);
	if (rc)
		return rc;
	snprintf(lease.name, sizeof(lease.name), "%s", name);
	rc = sr_lease_record_get(store, name, &old);
	is_there = rc == 0;
	if (rc == 0 || rc == SR_STORE_ABSENT)
		rc = take_floor(&change.clock, floor, &lease);
	if (!rc)
		rc = take_items(store, items, n, &lease);
	if (rc || (is_there && is_same(&lease, &old)))
		sr_change_cancel(&change);
	else
		rc = put(&change, &lease, is_there ? &old : NULL);
	sr_lease_record_free(&lease);
	sr_lease_record_free(&old);
	return rc;
}

int sr_lease_drop(struct segreg *reg, const char *name)
{
	struct sr_journal journal;
	struct sr_change change;
	int rc = sr_change_begin(&change, reg);

	if (rc)
		return rc;
	rc = write_change(&change, name, NULL, true, &journal);
	if (rc == SR_STORE_ABSENT)
		rc = sr_fail(SEGREG_E_NOENT, "there is no lease %s (segctl lease ls)", name);
	return finish(&change, &journal, rc);
}

static int tell(const struct sr_lease *lease, segreg_lease_fn *fn, void *arg)
{
	return fn(arg, &(struct segreg_lease){ .name = lease->name,
					       .floor = lease->floor,
					       .items = lease->items,
					       .n = lease->n,
					       .put_at = lease->put_at,
					       .changed_at = lease->changed_at,
					       .by_pid = lease->by_pid,
					       .by_uid = lease->by_uid,
					       .by_label = lease->by_label });
}

int sr_lease_list(struct segreg *reg, segreg_lease_fn *fn, void *arg)
{
	char after[SEGREG_LEASE_NAME_MAX + 1] = "";
	int rc;

	for (;;) {
		struct sr_lease lease;
		struct sr_change change;

		rc = sr_change_begin(&change, reg);
		if (rc)
			return rc;
		rc = sr_lease_record_next(&reg->registry->store, after, &lease);
		sr_change_cancel(&change);
		if (rc)
			return rc == SR_STORE_ABSENT ? 0 : rc;
		memcpy(after, lease.name, sizeof(after));
		rc = tell(&lease, fn, arg);
		sr_lease_record_free(&lease);
		if (rc)
			return rc;
	}
}
