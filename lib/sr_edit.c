/*
 * sr_edit.c - additions and retirements that happen at once, and unregistering.
 *
 * A commit looks at the records first (what is there to do, is it allowed), then takes all that it needs in the
 * region, so that nothing can fail once LMDB has committed, then commits, then publishes.
 */
#include "sr_edit.h"
#include "sr_change.h"
#include "sr_error.h"
#include "sr_lane.h"
#include "sr_snapshot.h"
#include "sr_sync.h"
#include "sr_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- collecting */

static int append(struct segreg_edit *edit, enum sr_op_kind kind, const struct sr_record *record)
{
	struct sr_record *copy = sr_sys_malloc(sizeof(*copy));

	if (!copy)
		return sr_fail(SEGREG_E_NOMEM, "no memory for an edit of %zu operations", edit->n + 1);
	if (edit->n == edit->room) {
		size_t room = edit->room ? edit->room * 2 : 4;
		struct sr_op *ops = sr_sys_realloc(edit->ops, room * sizeof(*ops));

		if (!ops) {
			free(copy);
			return sr_fail(SEGREG_E_NOMEM, "no memory for an edit of %zu operations", edit->n + 1);
		}
		edit->ops = ops;
		edit->room = room;
	}
	*copy = *record;
	edit->ops[edit->n++] = (struct sr_op){ .asked = kind, .record = copy };
	return 0;
}

int sr_edit_add(struct segreg_edit *edit, uint64_t id, const char *path)
{
	struct sr_base *base = &edit->reg->registry->base;
	struct sr_record record = { .id = id, .state = SR_LIVE };
	struct sr_identity identity;
	int rc = sr_base_check_path(base, path);

	if (!rc)
		rc = sr_base_identify(base, path, &identity);
	if (rc)
		return rc;
	record.is_directory = S_ISDIR(identity.mode);
	record.ino = identity.ino;
	record.btime = identity.btime;
	record.path_length = (uint16_t)strlen(path);
	memcpy(record.path, path, record.path_length + 1u);
	return append(edit, SR_OP_ADD, &record);
}

int sr_edit_retire(struct segreg_edit *edit, uint64_t id)
{
	const struct sr_record record = { .id = id };

	return append(edit, SR_OP_RETIRE, &record);
}

/* Nothing may be at path; the directory above must be there. */
static int check_vacant(struct sr_base *base, const char *path)
{
	char parent[SEGREG_PATH_MAX + 1];
	struct sr_identity identity;
	int rc = sr_base_identify(base, path, &identity);

	if (rc == 0)
		return sr_fail(SEGREG_E_EXISTS, "there is something at \"%s\" below %s already", path, base->path);
	if (rc != SEGREG_E_NOENT)
		return rc;
	if (sr_base_parent(path, parent) == path)
		return 0; /* above it is base itself */
	rc = sr_base_identify(base, parent, &identity);
	if (!rc && !S_ISDIR(identity.mode))
		rc = sr_fail(SEGREG_E_NOENT, "\"%s\" below %s is not a directory", parent, base->path);
	return rc;
}

int sr_edit_reserve(struct segreg_edit *edit, uint64_t id, const char *path)
{
	struct sr_base *base = &edit->reg->registry->base;
	struct sr_record record = { .id = id, .state = SR_BUILDING };
	int rc = sr_base_check_path(base, path);

	if (rc)
		return rc;
	record.path_length = (uint16_t)strlen(path);
	memcpy(record.path, path, record.path_length + 1u);
	return append(edit, SR_OP_RESERVE, &record);
}

int sr_edit_unreserve(struct segreg_edit *edit, uint64_t id)
{
	const struct sr_record record = { .id = id };

	return append(edit, SR_OP_UNRESERVE, &record);
}

void sr_edit_clear(struct segreg_edit *edit)
{
	for (size_t i = 0; i < edit->n; i++)
		free(edit->ops[i].record);
	free(edit->ops);
	edit->ops = NULL;
	edit->n = 0;
}

/* ---------------------------------------------------------------- planning, in the transaction */

/* Is id reserved by this very handle? */
static bool is_ours(const struct segreg *reg, uint64_t id, uint32_t *slot)
{
	*slot = sr_table_find(&reg->region, id); /* exact: tables change under the commit lock only */
	return *slot != SR_NONE && sr_word_state(sr_load_acquire_u64(&reg->region.slots[*slot].word)) == SR_BUILDING &&
	       reg->region.details[*slot].builder == reg->owner;
}

static void bear(const struct sr_change *change, struct sr_record *record)
{
	record->born = change->clock.version + 1;
	record->registered_at = sr_sys_realtime();
}

static int plan_publish(struct sr_change *change, struct sr_op *op)
{
	if (!is_ours(change->reg, op->record->id, &op->slot))
		return sr_fail(SEGREG_E_EXISTS, "segment %" PRIu64 " is reserved by another handle", op->record->id);
	op->effect = SR_OP_PUBLISH;
	bear(change, op->record);
	return sr_store_update(&change->reg->registry->store, op->record);
}

static int plan_unreserve(struct sr_change *change, struct sr_op *op)
{
	struct sr_store *store = &change->reg->registry->store;
	uint64_t id = op->record->id;
	int rc = sr_store_get(store, id, op->record);

	if (rc == SR_STORE_ABSENT || (!rc && !is_ours(change->reg, id, &op->slot)))
		return sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is not reserved by this handle", id);
	if (rc)
		return rc;
	op->effect = SR_OP_UNRESERVE;
	op->record->state = SR_DELETING;
	return sr_store_update(store, op->record);
}

/* An addition or a reservation. */
static int plan_add(struct sr_change *change, struct sr_op *op)
{
	struct sr_store *store = &change->reg->registry->store;
	struct sr_record there;
	uint64_t other;
	int rc = sr_store_get(store, op->record->id, &there);
	bool same = rc == 0 && op->asked == SR_OP_ADD && !strcmp(there.path, op->record->path);

	if (same && there.state == SR_LIVE)
		return 0;
	if (same && there.state == SR_BUILDING)
		return plan_publish(change, op);
	if (rc == 0)
		return sr_fail(SEGREG_E_EXISTS, "segment %" PRIu64 " is %s already, at %s", there.id,
			       segreg_state_name((enum segreg_state)there.state), there.path);
	if (rc != SR_STORE_ABSENT)
		return rc;
	rc = sr_store_overlap(store, op->record->path, &other);
	if (rc == 0)
		return sr_fail(SEGREG_E_EXISTS, "path %s is, contains or lies in the path of segment %" PRIu64, op->record->path,
			       other);
	if (rc != SR_STORE_ABSENT)
		return rc;
	/* Under the commit lock nobody else can register and give up something there: what is at path later is the builder's. */
	rc = op->asked == SR_OP_RESERVE ? check_vacant(&change->reg->registry->base, op->record->path) : 0;
	if (rc)
		return rc;
	op->effect = op->asked;
	if (op->asked == SR_OP_ADD)
		bear(change, op->record);
	return sr_store_add(store, op->record);
}

static int plan_retire(struct sr_change *change, struct sr_op *op, bool expects_live)
{
	struct sr_store *store = &change->reg->registry->store;
	uint64_t id = op->record->id;
	int rc = sr_store_get(store, id, op->record);

	if (rc == SR_STORE_ABSENT || (!rc && op->record->state == SR_BUILDING))
		return sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is not registered", id);
	if (!rc && op->record->state != SR_LIVE && expects_live)
		return sr_fail(SEGREG_E_CONFLICT, "segment %" PRIu64 " was retired by somebody else", id);
	if (rc || op->record->state != SR_LIVE)
		return rc;
	op->effect = SR_OP_RETIRE;
	op->record->state = SR_PENDING;
	op->record->retired = change->clock.version + 1;
	op->record->retired_at = sr_sys_realtime();
	return sr_store_update(store, op->record);
}

static int plan_op(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op)
{
	switch (op->asked) {
	case SR_OP_RETIRE:
		return plan_retire(change, op, edit->expects_live);
	case SR_OP_UNRESERVE:
		return plan_unreserve(change, op);
	default:
		return plan_add(change, op);
	}
}

/* What an edit comes to. */
struct plan {
	uint32_t slots;   /* to be taken */
	uint32_t changes; /* records to be written */
	bool wakes;       /* a sweep will have something to do */
	bool is_repeated; /* its token is known: nothing to do */
	uint64_t version; /* the one that it makes, or made */
};

static int plan_ops(struct sr_change *change, struct segreg_edit *edit, struct plan *plan)
{
	bool visible = false;
	int rc = 0;

	for (size_t i = 0; i < edit->n && !rc; i++) {
		struct sr_op *op = &edit->ops[i];

		rc = plan_op(change, edit, op);
		plan->changes += op->effect != SR_OP_NONE;
		plan->slots += op->effect == SR_OP_ADD || op->effect == SR_OP_RESERVE;
		plan->wakes |= op->effect == SR_OP_RETIRE || op->effect == SR_OP_UNRESERVE;
		visible |= op->effect == SR_OP_ADD || op->effect == SR_OP_PUBLISH || op->effect == SR_OP_RETIRE;
	}
	change->clock.version += visible;
	plan->version = change->clock.version;
	return rc;
}

/* Write all records. */
static int make_plan(struct sr_change *change, struct segreg_edit *edit, struct plan *plan)
{
	struct sr_store *store = &change->reg->registry->store;
	int rc = edit->has_token ? sr_store_get_token(store, edit->token, &plan->version) : SR_STORE_ABSENT;

	plan->is_repeated = rc == 0;
	if (rc != SR_STORE_ABSENT)
		return rc;
	if (edit->expects && edit->expected != change->clock.version)
		return sr_fail(SEGREG_E_CONFLICT, "the registry is at version %" PRIu64 ", the edit expects %" PRIu64,
			       change->clock.version, edit->expected);
	rc = plan_ops(change, edit, plan);
	if (!rc && edit->has_token) {
		plan->changes++;
		rc = sr_store_put_token(store, edit->token, plan->version, change->clock.tokens++);
	}
	if (!rc && plan->changes)
		rc = sr_store_put_clock(store, &change->clock);
	if (!rc && (plan->slots || edit->has_token))
		rc = sr_store_reserve(store);
	return rc;
}

/* ---------------------------------------------------------------- the region */

/* Free slots whose last holder was a dead process. */
static int make_room(struct sr_change *change)
{
	struct sr_region *region = &change->reg->region;
	uint64_t lanes = 0, pins = 0;
	uint32_t n;
	int rc = sr_reclaim(change->reg->registry, change->reg->timeout_ms, NULL, NULL, &lanes, &pins);

	if (!rc)
		rc = sr_change_open_table(change);
	if (rc)
		return rc;
	n = region->header->queue_length <= region->geometry.max_segments ? region->header->queue_length : 0;
	for (uint32_t i = n; i-- > 0 && !rc;) {
		uint32_t slot = region->queue[i];

		if (slot < sr_region_slot_top(region) && sr_word_state(region->slots[slot].word) == SR_GONE)
			rc = sr_table_free_gone(region, slot);
	}
	sr_change_close_table(change);
	return rc;
}

/* Take a slot for each new segment. */
static int take_slots(struct sr_change *change, struct segreg_edit *edit, uint32_t n)
{
	struct sr_region *region = &change->reg->region;
	int rc;

	sr_change_prepare(change);
	rc = sr_change_open_table(change);
	if (rc)
		return rc;
	rc = sr_table_prepare(region, n);
	for (size_t i = 0; i < edit->n && !rc; i++) {
		struct sr_op *op = &edit->ops[i];

		if (op->taken || (op->effect != SR_OP_ADD && op->effect != SR_OP_RESERVE))
			continue;
		rc = sr_table_take(region, op->record, &op->slot);
		op->taken = !rc;
		if (op->taken && op->effect == SR_OP_RESERVE)
			region->details[op->slot].builder = change->reg->owner;
	}
	sr_change_close_table(change);
	return rc;
}

/* Give the slots back, and the change up. */
static void undo(struct sr_change *change, struct segreg_edit *edit)
{
	bool any = false;

	for (size_t i = 0; i < edit->n; i++)
		any |= edit->ops[i].taken;
	if (!any) {
		sr_change_cancel(change);
		return;
	}
	if (sr_change_open_table(change)) {
		sr_change_abandon(change); /* a repair finds them */
		return;
	}
	for (size_t i = 0; i < edit->n; i++) {
		if (edit->ops[i].taken)
			sr_table_untake(&change->reg->region, edit->ops[i].slot);
		edit->ops[i].taken = false;
	}
	sr_change_close_table(change);
	sr_change_cancel(change);
}

/* A reserved segment comes to life in its slot. */
static int publish_reserved(struct sr_region *region, const struct sr_op *op)
{
	struct sr_detail *detail = &region->details[op->slot];

	detail->registered_at = op->record->registered_at;
	detail->builder = 0;
	sr_store_relaxed_u8(&detail->flags, op->record->is_directory ? SR_DETAIL_DIRECTORY : 0);
	sr_store_release_u64(&detail->born, op->record->born);
	return sr_table_move(region, op->slot, SR_LIVE);
}

static int show_retired(struct sr_region *region, const struct sr_op *op)
{
	uint32_t slot = sr_table_find(region, op->record->id);

	if (slot == SR_NONE)
		return sr_fail(SEGREG_E_CORRUPT, "segment %" PRIu64 " is missing in shared memory", op->record->id);
	region->details[slot].retired_at = op->record->retired_at;
	sr_store_release_u64(&region->details[slot].retired, op->record->retired);
	return sr_table_move(region, slot, SR_PENDING);
}

static int show(struct sr_region *region, const struct sr_op *op)
{
	SR_STOP("edit.publishing");
	switch (op->effect) {
	case SR_OP_ADD:
	case SR_OP_RESERVE:
		sr_table_publish(region, op->slot, op->record->state);
		return 0;
	case SR_OP_PUBLISH:
		return publish_reserved(region, op);
	case SR_OP_RETIRE:
		return show_retired(region, op);
	case SR_OP_UNRESERVE:
		return sr_table_move(region, op->slot, SR_DELETING);
	default:
		return 0;
	}
}

static int show_all(struct sr_change *change, struct segreg_edit *edit)
{
	int rc = 0;

	for (size_t i = 0; i < edit->n && !rc; i++)
		rc = show(&change->reg->region, &edit->ops[i]);
	return rc;
}

/* After LMDB's commit the region must follow; if it cannot, leave everything dirty: the next one repairs. */
static int finish(struct sr_change *change, int rc)
{
	if (!rc) {
		sr_change_finish(change);
		return 0;
	}
	sr_leave_table(change->reg);
	sr_change_abandon(change);
	return 0; /* durable, and shown by the repair */
}

static int sync_additions(struct segreg_edit *edit)
{
	int rc = 0;

	for (size_t i = 0; i < edit->n && !rc; i++)
		if (edit->ops[i].asked == SR_OP_ADD)
			rc = sr_sync_segment(&edit->reg->registry->base, edit->ops[i].record->path);
	return rc;
}

int sr_edit_commit(struct segreg_edit *edit, uint64_t *version)
{
	struct sr_change change;
	struct plan plan = { 0 };
	int rc = edit->syncs ? sync_additions(edit) : 0;

	if (!rc)
		rc = sr_change_begin(&change, edit->reg);
	if (rc)
		return rc;
	rc = make_plan(&change, edit, &plan);
	if (rc || plan.is_repeated || !plan.changes)
		goto cancel;
	if (plan.slots)
		rc = take_slots(&change, edit, plan.slots);
	if (rc == SEGREG_E_FULL && make_room(&change) == 0)
		rc = take_slots(&change, edit, plan.slots);
	SR_STOP("edit.prepared");
	if (!rc)
		rc = sr_change_commit(&change);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (rc) {
		undo(&change, edit);
		return rc;
	}
	rc = finish(&change, show_all(&change, edit));
	if (plan.wakes)
		sr_region_wake(&edit->reg->region);
	if (version)
		*version = plan.version;
	return rc;
cancel:
	if (!rc && version)
		*version = plan.version;
	sr_change_cancel(&change);
	return rc;
}

/* ---------------------------------------------------------------- unregistering */

/* Pins, snapshots and horizons on slot, by all lanes, as if it were retired next. [table] */
static uint64_t holds_on(const struct sr_region *region, uint32_t slot)
{
	uint32_t top = sr_region_lane_top(region);
	uint64_t holds = sr_table_count(region, slot);

	for (uint32_t n = 0; n < top; n++)
		if (sr_load_acquire_u32(&sr_region_lane(region, n)->state) == SR_LANE_USED)
			holds += sr_snapshot_count(region, n, slot);
	return holds;
}

/*
 * Take a segment out of the region unless it is held: DECIDING first and then a look at the lanes, as a sweep does.
 * Before LMDB, so that nobody can pin it once its caller knows that it is his; if LMDB then fails, a repair brings
 * it back.
 */
static int withdraw(struct sr_change *change, const struct sr_record *record, uint32_t slot)
{
	struct sr_region *region = &change->reg->region;
	uint64_t holds;
	int rc;

	if (record->state != SR_LIVE && record->state != SR_PENDING)
		return sr_fail(SEGREG_E_BUSY, "segment %" PRIu64 " is %s", record->id,
			       segreg_state_name((enum segreg_state)record->state));
	sr_change_prepare(change);
	rc = sr_change_open_table(change);
	if (rc)
		return rc;
	rc = sr_table_move(region, slot, SR_DECIDING);
	SR_STOP("remove.deciding");
	if (!rc) {
		holds = holds_on(region, slot);
		rc = holds ? sr_table_move(region, slot, record->state) : sr_table_drop(region, slot);
		if (!rc && holds)
			rc = sr_fail(SEGREG_E_BUSY, "segment %" PRIu64 " is held %" PRIu64 " times; SEGREG_FORCE unregisters it all "
				     "the same", record->id, holds);
	}
	if (rc && rc != SEGREG_E_BUSY)
		sr_leave_table(change->reg); /* dirty: the next one repairs */
	else
		sr_change_close_table(change);
	return rc;
}

/* May a DELETING segment be forgotten? If its deletion has failed, and no sweep is at it. */
static int check_forced(struct segreg *reg, const struct sr_record *record, uint32_t slot, bool idle)
{
	bool may;
	int rc = sr_lock_take(&reg->registry->locks, SR_LOCK_TABLE, reg->timeout_ms);

	if (rc)
		return rc;
	may = record->state != SR_DELETING || (idle && reg->region.details[slot].attempts);
	sr_leave_table(reg);
	return may ? 0 : sr_fail(SEGREG_E_BUSY, "segment %" PRIu64 " is being deleted", record->id);
}

/* Write that the record is gone. */
static int remove_record(struct sr_change *change, const struct sr_record *record)
{
	struct sr_store *store = &change->reg->registry->store;
	int rc = sr_store_remove(store, record);

	change->clock.version++;
	if (!rc)
		rc = sr_store_put_clock(store, &change->clock);
	return rc ? rc : sr_change_commit(change);
}

static int force_remove(struct segreg *reg, uint64_t id, bool forced, bool idle)
{
	struct sr_change change;
	struct sr_record record;
	uint32_t slot;
	int rc = sr_change_begin(&change, reg);

	if (rc)
		return rc;
	rc = sr_store_get(&reg->registry->store, id, &record);
	slot = sr_table_find(&reg->region, id); /* exact: tables change under the commit lock only */
	if (rc == SR_STORE_ABSENT)
		rc = sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is not registered", id);
	else if (!rc && slot == SR_NONE)
		rc = sr_fail(SEGREG_E_CORRUPT, "segment %" PRIu64 " is missing in shared memory", id);
	if (!rc)
		rc = forced ? check_forced(reg, &record, slot, idle) : withdraw(&change, &record, slot);
	if (rc) {
		sr_change_cancel(&change);
		return rc;
	}
	SR_STOP("remove.prepared");
	rc = remove_record(&change, &record);
	if (rc == SEGREG_E_REOPEN)
		return rc;
	if (rc) {
		sr_change_abandon(&change);
		return rc;
	}
	return finish(&change, forced ? sr_table_drop(&reg->region, slot) : 0);
}

int sr_force_remove(struct segreg *reg, uint64_t id, bool forced)
{
	struct sr_hold hold;
	bool idle = sr_registry_hold(reg->registry, SR_BYTE_SWEEP, &hold) == 0;
	int rc = force_remove(reg, id, forced, idle);

	if (idle)
		sr_hold_drop(&hold);
	return rc;
}
