/*
 * sr_ahead.c - retirements that were dated into the future, by a clock that was ahead.
 */
#include "sweep/sr_ahead.h"
#include "db/sr_records.h"
#include "registry/sr_change.h"
#include "sys/sr_error.h"
#include "registry/sr_enter.h"
#include "shm/sr_table.h"

#include <stdlib.h>

#define LOOKS 4096u /* slots that are read in one hold of the table lock */
#define BATCH 512u  /* records that are corrected in one transaction */

struct batch {
	int64_t now;
	uint32_t n;
	struct {
		uint32_t slot;
		uint64_t id, born;
	} found[BATCH];
};

static bool is_pending(const struct sr_region *region, uint32_t slot)
{
	return sr_word_state(sr_load_acquire_u64(&region->slots[slot].word)) == SR_PENDING;
}

/* Look for such retirements among the slots from *at on, until the batch is full or LOOKS slots have been read. */
static int find(struct segreg *reg, const uint32_t *slots, uint32_t n, uint32_t *at, struct batch *batch)
{
	const struct sr_region *region = &reg->region;
	uint32_t end = n - *at < LOOKS ? n : *at + LOOKS;
	int rc = sr_table_lock_take(reg);

	batch->n = 0;
	if (rc)
		return rc;
	for (; *at < end && batch->n < BATCH; ++*at) {
		uint32_t slot = slots[*at];

		if (!is_pending(region, slot) || region->details[slot].retired_at <= batch->now)
			continue;
		batch->found[batch->n].slot = slot;
		batch->found[batch->n].id = region->slots[slot].id;
		batch->found[batch->n++].born = region->details[slot].born;
	}
	sr_table_lock_give(reg);
	return 0;
}

static int write_records(struct sr_store *store, const struct batch *batch, uint32_t *changes)
{
	int rc = 0;

	*changes = 0;
	for (uint32_t i = 0; i < batch->n && !rc; i++) {
		struct sr_record record;

		rc = sr_records_get(store, batch->found[i].id, &record);
		if (rc == SR_STORE_ABSENT) {
			rc = 0;
		} else if (!rc && record.born == batch->found[i].born && record.state == SR_PENDING) {
			record.retired_at = batch->now;
			*changes += 1;
			rc = sr_records_update(store, &record);
		}
	}
	return rc;
}

/* Show the new times in the region. [commit, table] */
static void show(struct sr_region *region, const struct batch *batch)
{
	for (uint32_t i = 0; i < batch->n; i++) {
		uint32_t slot = batch->found[i].slot;

		if (is_pending(region, slot) && region->slots[slot].id == batch->found[i].id &&
		    region->details[slot].born == batch->found[i].born)
			region->details[slot].retired_at = batch->now;
	}
}

static int correct(struct segreg *reg, const struct batch *batch)
{
	struct sr_change change;
	uint32_t changes;
	int rc = sr_change_begin(&change, reg);

	if (rc)
		return rc;
	rc = write_records(&reg->registry->store, batch, &changes);
	if (rc || !changes) { /* a segment that is no longer PENDING waits for no grace period */
		sr_change_cancel(&change);
		return rc;
	}
	rc = sr_change_commit_open(&change);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (rc)
		rc = sr_change_open_table(&change);
	if (rc) {
		sr_change_abandon(&change);
		return rc;
	}
	show(&reg->region, batch);
	sr_change_finish(&change);
	return 0;
}

int sr_ahead_correct(struct segreg *reg, const uint32_t *slots, uint32_t n, int64_t now)
{
	struct batch *batch = sr_sys_malloc(sizeof(*batch));
	int rc = batch ? 0 : sr_fail(SEGREG_E_NOMEM, "no memory to sweep");

	if (batch)
		batch->now = now;
	for (uint32_t at = 0; at < n && !rc;) {
		rc = find(reg, slots, n, &at, batch);
		SR_STOP("ahead.found");
		if (!rc && batch->n)
			rc = correct(reg, batch);
	}
	free(batch);
	return rc;
}
