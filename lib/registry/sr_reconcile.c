/*
 * sr_reconcile.c - bringing the region to what LMDB says, after a process died or failed in a change.
 *
 * Readers use the region without a lock meanwhile. So a segment keeps its slot as long as it exists. Each state
 * word is written once with its final value, and nothing is cleared first. Reconciling makes a durable commit of its
 * own before it believes what it read. After a failed write, a transaction can be visible and yet not be on the disk.
 *
 * Reconciling also settles the letters that a dead leader had taken (sr_group.c). It answers those whose edits the
 * leader's transaction made, and hands the others back, so that the next leader can take them.
 */
#include "registry/sr_reconcile.h"
#include "db/sr_records.h"
#include "shm/sr_ring.h"
#include "sys/sr_error.h"
#include "registry/sr_letter.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"

#include <stdlib.h>
#include <string.h>

/* A record without its path and the caller's own bytes. */
struct durable {
	uint64_t id, born, retired;
	int64_t registered_at, retired_at;
	size_t text_at; /* in records.texts: the path, then the caller's own bytes */
	uint16_t path_length;
	uint8_t user_size;
	uint8_t state, error;
	uint8_t flags; /* of sr_detail */
	uint32_t attempts;
	int64_t retry_at;
	bool seen; /* the region has a slot for it */
};

/* LMDB's records in memory, sorted by id: the table lock must not wait for the disk. */
struct records {
	struct durable *rows;
	size_t n, room;
	char *texts;
	size_t texts_used, texts_room;
	struct sr_clock clock;
	struct sr_riders riders;
	uint64_t txn;
};

static void records_free(struct records *s)
{
	free(s->rows);
	free(s->texts);
}

static int no_memory(void)
{
	return sr_fail(SEGREG_E_NOMEM, "no memory to read the registry's records");
}

/* Grow one array to room elements. */
static int grow(void *array, size_t room, size_t element)
{
	void **memory = array;
	void *larger = sr_sys_realloc(*memory, room * element);

	if (!larger)
		return no_memory();
	*memory = larger;
	return 0;
}

static int records_add(void *arg, const struct sr_record *record)
{
	struct records *s = arg;
	size_t length = (size_t)record->path_length + record->user_size;
	int rc = 0;

	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 256;
		rc = grow(&s->rows, s->room, sizeof(*s->rows));
	}
	if (!rc && s->texts_room - s->texts_used < length) {
		s->texts_room = s->texts_room ? s->texts_room * 2 : 65536;
		rc = grow(&s->texts, s->texts_room, 1);
	}
	if (rc)
		return rc;
	memcpy(s->texts + s->texts_used, record->path, record->path_length);
	memcpy(s->texts + s->texts_used + record->path_length, record->user, record->user_size);
	s->rows[s->n++] = (struct durable){
		.id = record->id,
		.born = record->born,
		.retired = record->retired,
		.registered_at = record->registered_at,
		.retired_at = record->retired_at,
		.text_at = s->texts_used,
		.path_length = record->path_length,
		.user_size = record->user_size,
		.state = (uint8_t)record->state,
		.flags = sr_table_flags(record),
		.attempts = record->attempts,
		.error = record->error,
		.retry_at = record->retry_at,
	};
	s->texts_used += length;
	return 0;
}

/* Does the region still have the segment of record? */
static bool is_shown(const struct sr_region *region, const struct sr_record *record)
{
	uint32_t top = sr_region_slot_top(region);

	for (uint32_t slot = 0; slot < top; slot++) {
		enum sr_state state = sr_word_state(sr_load_acquire_u64(&region->slots[slot].word));

		if (state != SR_FREE && state != SR_GONE && region->slots[slot].id == record->id &&
		    region->details[slot].born == record->born)
			return true;
	}
	return false;
}

int sr_reconcile_put_back(struct sr_store *store, const struct sr_record *record)
{
	int rc = sr_records_add(store, record);

	return rc ? rc : sr_records_take_back_entry(store, SEGREG_LOG_FORGOTTEN, record->id);
}

/*
 * Undo an unregistering (sr_remove.c) whose process died after its commit and before the region showed it. Its call has
 * not returned, and any handle may have pinned the segment since. Lower the version too, unless the region shows the
 * version that the unregistering made.
 */
static int undo_removal(struct sr_registry *registry, struct sr_clock *clock)
{
	struct sr_store *store = &registry->store;
	struct sr_record removed, there;
	int rc = sr_records_get_removed(store, &removed);

	if (rc || !is_shown(&registry->region, &removed))
		return rc == SR_STORE_ABSENT ? 0 : rc;
	rc = sr_records_get(store, removed.id, &there);
	if (rc != SR_STORE_ABSENT)
		return rc;
	clock->version -= clock->version > sr_load_acquire_u64(&registry->region.header->version);
	return sr_reconcile_put_back(store, &removed);
}

/* Read everything, and make sure that it is on the disk. */
static int records_read(struct sr_registry *registry, struct records *s)
{
	struct sr_store *store = &registry->store;
	int rc = sr_store_begin(store);

	if (rc)
		return rc;
	rc = sr_records_get_clock(store, &s->clock);
	if (!rc)
		rc = undo_removal(registry, &s->clock);
	if (!rc)
		rc = sr_records_each(store, records_add, s);
	if (!rc)
		rc = sr_records_get_riders(store, &s->riders);
	if (!rc)
		rc = sr_records_put_clock(store, &s->clock);
	if (rc) {
		sr_store_abort(store);
		return rc;
	}
	s->txn = sr_store_txn(store);
	return sr_store_commit(store);
}

static struct durable *find_row(const struct records *s, uint64_t id)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->rows[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && s->rows[low].id == id ? &s->rows[low] : NULL;
}

/* Give a slot that is in use the state of its record, or GONE if it has none any more. */
static void restore_slot(struct sr_region *region, const struct records *s, uint32_t slot)
{
	uint64_t word = sr_load_acquire_u64(&region->slots[slot].word);
	struct sr_detail *detail = &region->details[slot];
	enum sr_state state = SR_GONE;
	struct durable *row;

	if (sr_word_state(word) == SR_FREE || sr_word_state(word) == SR_GONE)
		return;
	row = find_row(s, region->slots[slot].id);
	if (row && row->born == detail->born && !row->seen) {
		row->seen = true;
		state = (enum sr_state)row->state;
		sr_store_release_u64(&detail->retired, row->retired);
		detail->registered_at = row->registered_at;
		detail->retired_at = row->retired_at;
		detail->attempts = row->attempts;
		detail->error = row->error;
		detail->retry_at = row->retry_at;
	}
	if (state != SR_DELETING)
		sr_store_relaxed_u8(&region->details[slot].flags, (uint8_t)(detail->flags & ~SR_DETAIL_TRIED));
	if (state != sr_word_state(word))
		sr_state_force(&region->slots[slot].word, state);
}

static void record_from_row(const struct records *s, const struct durable *row, struct sr_record *record)
{
	*record = (struct sr_record){
		.id = row->id,
		.born = row->born,
		.retired = row->retired,
		.registered_at = row->registered_at,
		.retired_at = row->retired_at,
		.state = (enum sr_state)row->state,
		.is_directory = !!(row->flags & SR_DETAIL_DIRECTORY),
		.path_length = row->path_length,
		.user_size = row->user_size,
		.attempts = row->attempts,
		.error = row->error,
		.retry_at = row->retry_at,
	};
	memcpy(record->path, s->texts + row->text_at, row->path_length);
	memcpy(record->user, s->texts + row->text_at + row->path_length, row->user_size);
}

static int add_durable(struct sr_region *region, const struct records *s, const struct durable *row)
{
	struct sr_record record;
	uint32_t slot;
	int rc;

	record_from_row(s, row, &record);
	rc = sr_table_take(region, &record, &slot);
	if (rc)
		return rc;
	sr_store_relaxed_u8(&region->details[slot].flags, row->flags);
	sr_table_publish(region, slot, record.state);
	return 0;
}

/* Take a slot for each record that has none. */
static int add_missing(struct sr_region *region, const struct records *s)
{
	size_t missing = 0;
	int rc;

	for (size_t i = 0; i < s->n; i++)
		missing += !s->rows[i].seen;
	rc = sr_table_prepare(region, (uint32_t)(missing < UINT32_MAX ? missing : UINT32_MAX));
	for (size_t i = 0; i < s->n && !rc; i++)
		if (!s->rows[i].seen)
			rc = add_durable(region, s, &s->rows[i]);
	return rc;
}

/* The slots' texts, of which a process that wrote wild may have damaged some. The path map is exact by now. */
static int restore_texts(struct sr_region *region, const struct records *s, uint32_t top)
{
	struct sr_record record;
	int rc = 0;

	for (uint32_t slot = 0; slot < top && !rc; slot++) {
		enum sr_state state = sr_word_state(sr_load_acquire_u64(&region->slots[slot].word));
		const struct durable *row = find_row(s, region->slots[slot].id);

		if (!row || row->state != state || row->born != region->details[slot].born)
			continue;
		record_from_row(s, row, &record);
		rc = sr_paths_restore(region, slot, &record);
	}
	return rc;
}

static int apply(struct sr_registry *registry, struct records *s)
{
	struct sr_region *region = &registry->region;
	uint32_t top = sr_region_slot_top(region);
	int rc;

	for (uint32_t slot = 0; slot < top; slot++)
		restore_slot(region, s, slot);
	SR_STOP("reconcile.settled");
	rc = sr_table_repair(region);
	if (rc)
		return rc;
	rc = restore_texts(region, s, top);
	for (uint32_t slot = 0; slot < top && !rc; slot++)
		if (sr_word_state(region->slots[slot].word) == SR_GONE)
			rc = sr_table_free_gone(region, slot);
	if (!rc)
		rc = add_missing(region, s);
	if (rc)
		return rc;
	region->header->txn = s->txn;
	sr_region_set_version(region, s->clock.version);
	SR_STOP("reconcile.settling");
	sr_letter_settle(region, &s->riders);
	return 0;
}

int sr_reconcile(struct sr_registry *registry, uint32_t timeout_ms)
{
	struct records s = { .n = 0 };
	int rc;

	/* If this process dies, or fails, from here on, the next holder of the commit lock starts over. */
	sr_lock_set_dirty(&registry->locks, SR_LOCK_COMMIT, SR_DIRTY);
	registry->store.least = registry->region.header->db_bytes;
	rc = records_read(registry, &s);
	SR_STOP("reconcile.read");
	if (!rc && s.txn <= registry->region.header->txn)
		rc = sr_fail(
			SEGREG_E_MISMATCH,
			"%s is older than what the running processes have seen (transaction %llu, they saw "
			"%llu); stop them all, then open it with SEGREG_ADOPT (segctl init --adopt) if it is right",
			registry->store_path, (unsigned long long)s.txn,
			(unsigned long long)registry->region.header->txn);
	if (!rc)
		rc = sr_lock_take(&registry->locks, SR_LOCK_TABLE, timeout_ms);
	if (rc)
		goto out;
	sr_lock_set_dirty(&registry->locks, SR_LOCK_TABLE, SR_DIRTY_SHOWN);
	registry->region.header->db_bytes = registry->store.least;
	rc = apply(registry, &s);
	if (!rc)
		sr_lock_set_clean(&registry->locks, SR_LOCK_TABLE);
	sr_lock_give(&registry->locks, SR_LOCK_TABLE);
	if (!rc)
		sr_lock_set_clean(&registry->locks, SR_LOCK_COMMIT);
out:
	records_free(&s);
	/* The dead process may have shown a version, or work, and woken nobody. */
	sr_region_wake_versions(&registry->region);
	sr_region_wake(&registry->region);
	sr_ring_watches(&registry->region, SEGREG_WATCH_VERSION);
	return rc;
}
