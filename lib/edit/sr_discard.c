/*
 * sr_discard.c - discards that do not wait for the disk. sr_discards.h says how they become durable.
 *
 * If a discard does not fit the ring, or if the ring is full, the caller commits. The commit takes along what is in the
 * ring.
 */
#include "edit/sr_discard.h"
#include "edit/sr_edit.h"
#include "edit/sr_group.h"
#include "registry/sr_enter.h"
#include "sys/sr_error.h"

static bool may_wait(const struct segreg_edit *edit)
{
	const struct segreg *reg = edit->reg;

	for (size_t i = 0; i < edit->n; i++)
		if (!sr_discards_may_have(edit->ops[i].record))
			return false;
	return edit->n <= SR_DISCARDS && reg->store_epoch == sr_load_acquire_u64(&reg->registry->store.epoch);
}

/* Returns 0, SR_DISCARDS_FULL or SEGREG_E_*. *first: whether the ring was empty. */
static int add(struct segreg_edit *edit, bool *first)
{
	struct sr_discards_batch batch;
	struct segreg *reg = edit->reg;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	rc = sr_discards_open(&reg->region, edit->n, &batch);
	if (!rc) {
		for (size_t i = 0; i < edit->n; i++)
			sr_discards_put(&reg->region, &batch, edit->ops[i].record);
		*first = sr_discards_close(&reg->region, &batch);
		sr_store_release_u32(&reg->registry->has_discarded, 1);
	}
	SR_STOP("discards.added");
	sr_table_lock_give(reg);
	return rc;
}

int sr_discard_relaxed(struct segreg *reg, const char *const *paths, size_t n)
{
	struct segreg_edit edit = { .magic = SR_EDIT_MAGIC, .reg = reg };
	int rc = sr_store_check_rights(&reg->registry->store); /* because a leader commits with its own rights */
	bool first = false;

	for (size_t i = 0; i < n && !rc; i++)
		rc = sr_edit_discard_soon(&edit, paths[i]);
	if (!rc)
		rc = may_wait(&edit) ? add(&edit, &first) : SR_DISCARDS_FULL;
	sr_edit_clear(&edit);
	if (!rc && first)
		sr_region_wake(&reg->region);
	return rc == SEGREG_E_NOMEM ? SR_DISCARDS_FULL : rc;
}

int sr_discard_flush(struct segreg *reg)
{
	struct segreg_edit edit = { .magic = SR_EDIT_MAGIC, .reg = reg, .lane_id = reg->lane_id, .flushes = true };
	int rc;

	if (!sr_discards_count(&reg->region))
		return 0;
	/* Not as a rider: a leader may have looked at the ring before. */
	rc = sr_commit_lock_take(reg);
	return rc ? rc : sr_group_lead(&edit, NULL);
}

bool sr_discard_try_flush(struct segreg *reg)
{
	char before[SR_ERROR_SIZE];
	int rc;

	sr_error_keep(before);
	rc = sr_discard_flush(reg);
	sr_error_put_back(before);
	return !rc;
}
