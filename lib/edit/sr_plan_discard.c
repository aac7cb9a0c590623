/*
 * sr_plan_discard.c - planning a discard: a path whose files are deleted as soon as no older horizon holds them.
 */
#include "db/sr_records.h"
#include "edit/sr_plan_inside.h"
#include "base/sr_trash.h"
#include "registry/sr_journal.h"
#include "sys/sr_error.h"

#include <inttypes.h>

/*
 * Something else has taken the place of the segment that record registered. Nothing reaches that segment's files by
 * their path any more, so forget it. Only what a deletion left in the trash still needs its record.
 */
static int forget_displaced(struct sr_change *change, const struct sr_record *record)
{
	struct sr_store *store = &change->reg->registry->store;
	int rc = record->state == SR_DELETING ? sr_trash_has(&change->reg->registry->base, record) : 0;

	if (rc > 0)
		return sr_fail(SEGREG_E_EXISTS,
			       "something else is at %s already, and segment %" PRIu64
			       " of that path is still being deleted; segctl why %" PRIu64 " says what keeps it",
			       record->path, record->id, record->id);
	if (!rc)
		rc = sr_records_remove(store, record);
	if (!rc)
		rc = sr_records_put_removed(store, NULL); /* or a repair might put it back */
	return rc ? rc : sr_journal_forget(change->reg, record);
}

/* Is what an operation found still at its path? *is_there: false if it has gone, or something else is there. */
static int look_again(struct sr_base *base, const struct sr_record *record, bool *is_there)
{
	struct sr_identity now;
	int rc = sr_base_identify(base, record->path, &now);

	*is_there =
		rc ? rc == SEGREG_E_NOENT && !record->ino : record->ino && sr_base_is_registered(now.dev, record, &now);
	return rc == SEGREG_E_NOENT || rc == SEGREG_E_PATH ? 0 : rc;
}

/*
 * Add what is at the path as a retired segment: older horizons hold it, and nothing else does. Of a discard that was in
 * shared memory, these are the horizons from before the call that left it there. A horizon of a later version was taken
 * after that call.
 */
static int add_retired(struct sr_change *change, struct sr_op *op)
{
	int rc = sr_records_next_id(&change->reg->registry->store, &change->clock, &op->record->id);

	op->effect = SR_OP_DISCARD;
	sr_plan_note_birth(change, op);
	if (op->is_late && op->since < change->clock.version)
		op->record->born = op->since + 1;
	op->record->retired = op->record->born;
	op->record->retired_at = op->record->registered_at;
	return rc ? rc : sr_records_add(&change->reg->registry->store, op->record);
}

/*
 * Retire the segment that is at the path. The operation keeps the identity of what it found, because it may be planned
 * again.
 */
static int retire_found(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op, uint64_t id)
{
	struct sr_record copy = { .id = id };
	struct sr_op retire = { .asked = SR_OP_RETIRE, .record = &copy };
	int rc = sr_plan_retire(change, edit, &retire);

	op->effect = retire.effect;
	op->record->id = id;
	op->record->retired = copy.retired;
	op->record->retired_at = copy.retired_at;
	return rc;
}

/* Whether the discard has to stay in shared memory, because the registry has no room for a new segment. */
static bool leave(struct sr_op *op, bool has_room)
{
	op->is_left = op->is_late && !has_room;
	return op->is_left;
}

/* The path has no live segment, and nothing that could become one: does the edit expect one? id 0: it has none at all.
 */
static int check_expectation(const struct segreg_edit *edit, const struct sr_op *op, uint64_t id)
{
	if (!edit->expects_live || op->is_late)
		return 0;
	if (!id)
		return sr_fail(SEGREG_E_NOENT, "nothing is at %s, and the edit expects something there",
			       op->record->path);
	return sr_fail(SEGREG_E_CONFLICT,
		       "%s is segment %" PRIu64 ", which is retired, and the edit expects it to be live",
		       op->record->path, id);
}

static int plan_discard(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op, bool has_room)
{
	struct sr_store *store = &change->reg->registry->store;
	struct sr_base *base = &change->reg->registry->base;
	const struct sr_identity found = {
		.ino = op->record->ino,
		.btime = op->record->btime,
		.fid = op->record->fid,
		.mode = op->record->is_directory ? S_IFDIR : S_IFREG,
	};
	struct sr_record there;
	char next[SR_PLAN_NEXT];
	bool is_there;
	int rc;

	op->displaces = op->is_left = false;
	rc = sr_records_find(store, op->record->path, &there.id);
	if (!rc)
		rc = sr_records_get(store, there.id, &there);
	if (rc == SR_STORE_ABSENT) {
		rc = found.ino ? sr_plan_check_free(change, op->record->path) : check_expectation(edit, op, 0);
		return rc || !found.ino || leave(op, has_room) ? rc : add_retired(change, op);
	}
	if (rc || (op->is_late && there.state == SR_LIVE && there.born > op->since))
		return rc;
	if (found.ino && there.state == SR_BUILDING)
		return sr_fail(SEGREG_E_EXISTS, "%s is reserved for segment %" PRIu64 "%s", there.path, there.id,
			       sr_plan_describe_next(change, &there, next));
	if (!found.ino || sr_base_is_registered(found.dev, &there, &found))
		return there.state == SR_LIVE ? retire_found(change, edit, op, there.id)
					      : check_expectation(edit, op, there.id);
	rc = look_again(base, op->record, &is_there);
	if (rc || !is_there || leave(op, has_room))
		return rc;
	rc = forget_displaced(change, &there);
	if (rc)
		return rc;
	op->displaces = true;
	op->displaced = there.id;
	return add_retired(change, op);
}

/* Plan a discard that was in shared memory. Its caller has its answer: a refusal drops the discard. */
static int plan_late(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op, bool has_room)
{
	char before[SR_ERROR_SIZE];
	int rc;

	sr_error_keep(before);
	rc = plan_discard(change, edit, op, has_room);
	if (rc != SEGREG_E_EXISTS && rc != SEGREG_E_PERM)
		return rc;
	sr_error_put_back(before);
	return 0;
}

int sr_plan_discard(struct sr_change *change, const struct segreg_edit *edit, struct sr_op *op, bool has_room)
{
	return op->is_late ? plan_late(change, edit, op, has_room) : plan_discard(change, edit, op, has_room);
}
