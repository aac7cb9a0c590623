/*
 * sr_plan.c - planning an edit: its records in the transaction, its slots in the region.
 */
#include "edit/sr_plan.h"
#include "db/sr_records.h"
#include "edit/sr_plan_inside.h"
#include "sys/sr_error.h"
#include "shm/sr_table.h"
#include "base/sr_trash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- the records */

/* Check that nothing is at the path of a reservation, and that the directory above it exists. Notes that directory. */
static int check_vacant(struct sr_base *base, struct sr_record *record)
{
	const char *path = record->path;
	char parent[SEGREG_PATH_MAX + 1];
	struct sr_identity identity;
	int rc = sr_base_identify(base, path, &identity);

	if (rc == 0)
		return sr_fail(SEGREG_E_EXISTS,
			       "there is something at \"%s\" below %s already: move it away, or reserve another path",
			       path, base->path);
	if (rc != SEGREG_E_NOENT)
		return rc;
	if (sr_base_parent(path, parent) == path) {
		record->parent_ino = base->dir.ino;
		record->parent_fid = base->fid;
		return 0;
	}
	rc = sr_base_identify(base, parent, &identity);
	if (!rc && !S_ISDIR(identity.mode))
		rc = sr_fail(SEGREG_E_NOENT, "\"%s\" below %s is not a directory", parent, base->path);
	record->parent_ino = identity.ino;
	record->parent_fid = identity.fid;
	return rc;
}

/* The lane of the handle that reserved slot; NULL: its process is dead, or it was closed. [commit] */
static const struct sr_lane *find_builder(const struct sr_change *change, uint32_t slot)
{
	const struct sr_region *region = &change->reg->region;
	uint64_t builder = slot == SR_NONE ? 0 : region->details[slot].builder;
	const struct sr_lane *lane = sr_region_find_lane(region, builder);

	if (!lane ||
	    !sr_lock_byte_is_taken(&change->reg->registry->locks, SR_LOCK_COMMIT, SR_BYTE_LANES + (uint32_t)builder))
		return NULL;
	return lane;
}

/*
 * Whether the handle of lane_id is the builder, or another handle of its process. Two living processes may have one
 * pid, if they are in different PID namespaces. Where a namespace is not known, only the builder itself counts.
 */
static bool is_builder(const struct sr_change *change, uint64_t lane_id, uint32_t slot)
{
	const struct sr_lane *builder, *lane = sr_region_lane(&change->reg->region, (uint32_t)lane_id);

	if (change->reg->region.details[slot].builder == lane_id)
		return true;
	builder = find_builder(change, slot);
	return builder && lane->pid == builder->pid && builder->pidns_ino && lane->pidns_ino == builder->pidns_ino &&
	       lane->pidns_dev == builder->pidns_dev;
}

/* Whether the process of the handle of `lane_id` has reserved id. *slot gets its slot. */
static bool is_ours(const struct sr_change *change, uint64_t lane_id, uint64_t id, uint32_t *slot)
{
	const struct sr_region *region = &change->reg->region;

	*slot = sr_table_find(region, id); /* exact, because tables change only under the commit lock */
	return *slot != SR_NONE && sr_word_state(sr_load_acquire_u64(&region->slots[*slot].word)) == SR_BUILDING &&
	       is_builder(change, lane_id, *slot);
}

const char *sr_plan_describe_next(const struct sr_change *change, const struct sr_record *there,
				  char next[SR_PLAN_NEXT])
{
	const struct sr_lane *lane;

	*next = '\0';
	if (there->state == SR_PENDING || there->state == SR_DELETING)
		snprintf(next, SR_PLAN_NEXT, "; segctl why %" PRIu64 " says when a sweep deletes it", there->id);
	if (there->state != SR_BUILDING)
		return next;
	lane = find_builder(change, sr_table_find(&change->reg->region, there->id));
	if (lane)
		snprintf(next, SR_PLAN_NEXT, "; process %" PRId64 " is building it", lane->pid);
	else
		snprintf(next, SR_PLAN_NEXT, "; its builder is gone, and a sweep deletes what it built: segctl sweep");
	return next;
}

void sr_plan_note_birth(const struct sr_change *change, struct sr_op *op)
{
	if (op->effect != SR_OP_RESERVE)
		op->record->born = change->clock.version + 1;
	op->record->registered_at = sr_sys_realtime();
}

static int plan_publish(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op,
			const struct sr_record *there)
{
	char next[SR_PLAN_NEXT];

	if (!is_ours(change, edit->lane_id, op->record->id, &op->slot))
		return sr_fail(SEGREG_E_EXISTS, "segment %" PRIu64 " is reserved, but not by this process%s",
			       op->record->id, sr_plan_describe_next(change, there, next));
	op->effect = SR_OP_PUBLISH;
	op->rewrites = op->record->user_size > 0;
	sr_plan_note_birth(change, op);
	return sr_records_update(&change->reg->registry->store, op->record);
}

static int plan_unreserve(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op)
{
	struct sr_store *store = &change->reg->registry->store;
	uint64_t id = op->record->id;
	int rc = sr_records_get(store, id, op->record);

	if (rc == SR_STORE_ABSENT || (!rc && !is_ours(change, edit->lane_id, id, &op->slot)))
		return sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is not reserved by this process", id);
	if (rc)
		return rc;
	op->effect = SR_OP_UNRESERVE;
	op->record->state = SR_DELETING;
	return sr_records_update(store, op->record);
}

static bool has_same_user(const struct sr_record *a, const struct sr_record *b)
{
	return a->user_size == b->user_size && !memcmp(a->user, b->user, a->user_size);
}

static int fail_other_user(const struct sr_record *there)
{
	return sr_fail(SEGREG_E_EXISTS,
		       "segment %" PRIu64
		       " is live at %s, with other bytes of its own, which never change (segctl show %" PRIu64
		       "); register it under another id, or give the same bytes",
		       there->id, there->path, there->id);
}

/*
 * Check the addition of an id that is live at the same path. It is harmless if the same file or directory is there. A
 * sweep would not delete a different one.
 */
static int check_same(const struct sr_record *there, const struct sr_record *now)
{
	const struct sr_identity found = {
		.ino = now->ino,
		.btime = now->btime,
		.fid = now->fid,
		.mode = now->is_directory ? S_IFDIR : S_IFREG,
	};

	if (sr_base_is_registered(found.dev, there, &found))
		return has_same_user(there, now) ? 0 : fail_other_user(there);
	return sr_fail(SEGREG_E_EXISTS,
		       "segment %" PRIu64 " is live at %s, but another %s is there now (inode %" PRIu64 ", was %" PRIu64
		       "%s); to make that segment %" PRIu64
		       ", unregister the old one first (segreg_force_remove, segctl remove)",
		       there->id, there->path, now->is_directory ? "directory" : "file", now->ino, there->ino,
		       now->ino == there->ino ? ", made anew" : "", there->id);
}

/* Let the registry choose the id: of the segment that is at the path, if there is one, or else a new one. */
static int choose_id(struct sr_change *change, struct sr_op *op)
{
	struct sr_store *store = &change->reg->registry->store;
	int rc = sr_records_find(store, op->record->path, &op->record->id);

	return rc == SR_STORE_ABSENT ? sr_records_next_id(store, &change->clock, &op->record->id) : rc;
}

int sr_plan_check_free(const struct sr_change *change, const char *path)
{
	struct sr_store *store = &change->reg->registry->store;
	struct sr_record there;
	char next[SR_PLAN_NEXT];
	uint64_t other;
	int rc = sr_records_overlap(store, path, &other);

	if (rc)
		return rc == SR_STORE_ABSENT ? 0 : rc;
	rc = sr_records_get(store, other, &there);
	return rc && rc != SR_STORE_ABSENT
		       ? rc
		       : sr_fail(SEGREG_E_EXISTS,
				 "path %s is equal to, above or below the path of segment %" PRIu64 "%s", path, other,
				 rc ? "" : sr_plan_describe_next(change, &there, next));
}

/* Plan an addition or a reservation. */
static int plan_add(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op)
{
	struct sr_store *store = &change->reg->registry->store;
	struct sr_record there;
	char next[SR_PLAN_NEXT];
	int rc = op->is_next ? choose_id(change, op) : 0;
	bool same;

	if (rc)
		return rc;
	rc = sr_records_get(store, op->record->id, &there);
	same = rc == 0 && op->asked == SR_OP_ADD && !strcmp(there.path, op->record->path);
	if (same && there.state == SR_LIVE)
		return check_same(&there, op->record);
	if (same && there.state == SR_BUILDING)
		return plan_publish(change, edit, op, &there);
	if (rc == 0)
		return sr_fail(SEGREG_E_EXISTS, "segment %" PRIu64 " is %s already, at %s%s", there.id,
			       segreg_state_name((enum segreg_state)there.state), there.path,
			       sr_plan_describe_next(change, &there, next));
	if (rc != SR_STORE_ABSENT)
		return rc;
	rc = sr_plan_check_free(change, op->record->path);
	if (rc)
		return rc;
	/*
	 * We hold the commit lock, so no other process can register something here and unregister it. So a file that
	 * appears at path later is the builder's.
	 */
	rc = op->asked == SR_OP_RESERVE ? check_vacant(&change->reg->registry->base, op->record) : 0;
	if (rc)
		return rc;
	op->effect = op->asked;
	sr_plan_note_birth(change, op);
	return sr_records_add(store, op->record);
}

int sr_plan_retire(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op)
{
	struct sr_store *store = &change->reg->registry->store;
	uint64_t id = op->record->id;
	int rc = sr_records_get(store, id, op->record);
	char next[SR_PLAN_NEXT];

	if (rc == SR_STORE_ABSENT)
		return sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is not registered (segctl log %" PRIu64 ")", id,
			       id);
	if (!rc && op->record->state == SR_BUILDING)
		return sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is only reserved%s", id,
			       sr_plan_describe_next(change, op->record, next));
	if (!rc && op->record->state != SR_LIVE && edit->expects_live)
		return sr_fail(SEGREG_E_CONFLICT, "segment %" PRIu64 " is retired, and the edit expects it to be live",
			       id);
	if (rc || op->record->state != SR_LIVE)
		return rc;
	op->effect = SR_OP_RETIRE;
	op->record->state = SR_PENDING;
	op->record->retired = change->clock.version + 1;
	op->record->retired_at = sr_sys_realtime();
	return sr_records_update(store, op->record);
}

static int plan_retire_path(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op)
{
	int rc = sr_records_find(&change->reg->registry->store, op->record->path, &op->record->id);

	if (rc == SR_STORE_ABSENT)
		return sr_fail(SEGREG_E_NOENT, "no segment has the path %s (segctl ls)", op->record->path);
	return rc ? rc : sr_plan_retire(change, edit, op);
}

/* Is there room for one more new segment beside n? */
static bool has_room(const struct sr_change *change, uint32_t n)
{
	const struct sr_region *region = &change->reg->region;
	uint32_t used = sr_load_acquire_u32(&region->header->slots_used);

	return used < region->geometry.max_segments && n < region->geometry.max_segments - used;
}

/* n: slots that the edit needs so far. */
static int plan_op(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op, uint32_t n)
{
	switch (op->asked) {
	case SR_OP_RETIRE:
		return sr_plan_retire(change, edit, op);
	case SR_OP_UNRESERVE:
		return plan_unreserve(change, edit, op);
	case SR_OP_RETIRE_PATH:
		return plan_retire_path(change, edit, op);
	case SR_OP_DISCARD:
		return sr_plan_discard(change, edit, op, has_room(change, n));
	default:
		return plan_add(change, edit, op);
	}
}

static bool needs_slot(const struct sr_op *op)
{
	return op->effect == SR_OP_ADD || op->effect == SR_OP_RESERVE || op->effect == SR_OP_DISCARD;
}

static int plan_ops(struct sr_change *change, struct segreg_edit *edit, struct sr_plan *plan)
{
	bool visible = false;
	int rc = 0;

	for (size_t i = 0; i < edit->n && !rc; i++) {
		struct sr_op *op = &edit->ops[i];

		op->effect = SR_OP_NONE; /* an earlier plan may have set it */
		op->rewrites = false;
		rc = plan_op(change, edit, op, plan->slots);
		plan->changes += op->effect != SR_OP_NONE;
		plan->slots += needs_slot(op);
		plan->texts += op->rewrites;
		plan->wakes |=
			op->effect == SR_OP_RETIRE || op->effect == SR_OP_UNRESERVE || op->effect == SR_OP_DISCARD;
		visible |= op->effect != SR_OP_NONE && op->effect != SR_OP_RESERVE && op->effect != SR_OP_UNRESERVE;
	}
	change->clock.version += visible;
	plan->version = change->clock.version;
	return rc;
}

/* Check the token of an edit that was committed before. Tokens of schemas 1 and 2 have no digest. */
static int check_token(const struct segreg_edit *edit, const struct sr_token *token)
{
	if (!token->digest || token->digest == edit->digest)
		return 0;
	return sr_fail(
		SEGREG_E_CONFLICT,
		"another edit has used this token: it made version %" PRIu64
		", and had other additions (also their own bytes) or retirements; give each edit a token of its own",
		token->version);
}

int sr_plan_make(struct sr_change *change, struct segreg_edit *edit, struct sr_plan *plan)
{
	struct sr_store *store = &change->reg->registry->store;
	struct sr_token token;
	int rc;

	*plan = (struct sr_plan){ .slots = 0 };
	rc = edit->has_token ? sr_records_get_token(store, edit->token, &token) : SR_STORE_ABSENT;
	if (!rc) {
		plan->version = token.version;
		return check_token(edit, &token);
	}
	if (rc != SR_STORE_ABSENT)
		return rc;
	if (edit->expects && edit->expected != change->clock.version)
		return sr_fail(SEGREG_E_CONFLICT, "the registry is at version %" PRIu64 ", the edit expects %" PRIu64,
			       change->clock.version, edit->expected);
	rc = plan_ops(change, edit, plan);
	if (!rc && edit->has_token) {
		plan->changes++;
		plan->grows = true;
		token = (struct sr_token){ .version = plan->version,
					   .place = change->clock.tokens++,
					   .digest = edit->digest };
		rc = sr_records_put_token(store, edit->token, &token);
	}
	plan->grows |= plan->slots > 0;
	return rc;
}

/* ---------------------------------------------------------------- the region */

int sr_plan_take_slots(struct sr_region *region, struct segreg_edit *edit)
{
	int rc = 0;

	for (size_t i = 0; i < edit->n && !rc; i++) {
		struct sr_op *op = &edit->ops[i];

		if (op->rewrites && !op->has_text) {
			rc = sr_paths_take(region, op->record, &op->text);
			op->has_text = !rc;
		}
		if (op->taken || !needs_slot(op))
			continue;
		rc = sr_table_take(region, op->record, &op->slot);
		op->taken = !rc;
		if (op->taken && op->effect == SR_OP_RESERVE)
			region->details[op->slot].builder = edit->lane_id;
	}
	return rc;
}

bool sr_plan_has_slots(const struct segreg_edit *edit)
{
	for (size_t i = 0; i < edit->n; i++)
		if (edit->ops[i].taken || edit->ops[i].has_text)
			return true;
	return false;
}

void sr_plan_give_slots(struct sr_region *region, struct segreg_edit *edit)
{
	for (size_t i = 0; i < edit->n; i++) {
		if (edit->ops[i].taken)
			sr_table_untake(region, edit->ops[i].slot);
		if (edit->ops[i].has_text)
			sr_paths_mark(region, &edit->ops[i].text, false);
		edit->ops[i].taken = edit->ops[i].has_text = false;
	}
}

void sr_plan_forget_slots(struct segreg_edit *edit)
{
	for (size_t i = 0; i < edit->n; i++)
		edit->ops[i].taken = edit->ops[i].has_text = false;
}

/* Make a reserved segment live, in its slot. */
static int publish_reserved(struct sr_region *region, const struct sr_op *op)
{
	struct sr_detail *detail = &region->details[op->slot];
	const struct sr_text before = sr_paths_of(region, op->slot);

	if (op->has_text) {
		sr_paths_put(region, op->slot, &op->text);
		sr_paths_mark(region, &before, false);
	}
	detail->registered_at = op->record->registered_at;
	detail->builder = 0;
	sr_store_relaxed_u8(&detail->flags, sr_table_flags(op->record));
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

/* Show what was discarded. What it displaced leaves the region first. */
static int show_discarded(struct sr_region *region, const struct sr_op *op)
{
	uint32_t slot = op->displaces ? sr_table_find(region, op->displaced) : SR_NONE;
	int rc = 0;

	if (op->displaces && slot == SR_NONE)
		return sr_fail(SEGREG_E_CORRUPT, "segment %" PRIu64 " is missing in shared memory", op->displaced);
	if (op->displaces)
		rc = sr_table_drop(region, slot);
	if (!rc)
		sr_table_publish(region, op->slot, op->record->state);
	return rc;
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
	case SR_OP_DISCARD:
		return show_discarded(region, op);
	default:
		return 0;
	}
}

int sr_plan_show(struct sr_region *region, const struct segreg_edit *edit)
{
	int rc = 0;

	for (size_t i = 0; i < edit->n && !rc; i++)
		rc = show(region, &edit->ops[i]);
	return rc;
}
