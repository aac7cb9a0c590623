/*
 * verb_retire.c - segctl retire: retire segments, all of them at once or none.
 */
#include <stdio.h>

#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/segments.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_retire = {
	.name = "retire",
	.operands = "SEGMENT...",
	.help = "Retire segments: each is deleted as soon as nobody holds it",
	.min = 1,
	.max = -1,
	.options =
		(const struct ctl_option[]){
			{ 'n', "dry-run", NULL, "say what would be retired, change nothing" },
			{ 0 },
		},
	.exec = exec,
};

static int try_one(struct ctl *ctl, uint64_t id)
{
	struct ctl_segments segments = { .n = 0 };
	int code = ctl_segments_load_one(ctl, id, &segments);
	const struct segreg_info *info = code ? NULL : &segments.items[0].info;
	int status = EX_OK;

	if (code)
		status = ctl_fail(ctl, code);
	else if (info->is_abandoned)
		status = ctl_error(ctl, EX_NOINPUT,
				   "segment %" PRIu64
				   " is only reserved; its builder is gone, and a sweep deletes what it built: segctl "
				   "sweep",
				   id);
	else if (info->state == SEGREG_BUILDING)
		status = ctl_error(ctl, EX_NOINPUT,
				   "segment %" PRIu64
				   " is being built; its builder publishes it or gives it up (segctl show %" PRIu64 ")",
				   id, id);
	else if (info->state == SEGREG_LIVE)
		printf("would retire %" PRIu64 " %s, pinned %" PRIu64 " times\n", id, info->path, info->pins);
	ctl_segments_free(&segments);
	return status;
}

static int try_all(struct ctl *ctl)
{
	int status = EX_OK;

	for (int i = 0; i < ctl->n_operands && !status; i++) {
		uint64_t id;

		status = ctl_parse_segment(ctl, ctl->operand[i], &id);
		if (!status)
			status = try_one(ctl, id);
	}
	return status;
}

static int add_all(struct ctl *ctl, struct segreg_edit *edit)
{
	for (int i = 0; i < ctl->n_operands; i++) {
		const char *operand = ctl->operand[i];
		uint64_t id;
		int code;

		if (!ctl_parse_is_id(operand))
			code = segreg_edit_retire_path(edit, operand);
		else if (!ctl_parse_id(ctl, operand, &id))
			return EX_USAGE;
		else
			code = segreg_edit_retire(edit, id);
		if (code)
			return ctl_fail(ctl, code);
	}
	return EX_OK;
}

static int exec(struct ctl *ctl)
{
	struct segreg_edit *edit;
	int status, code;

	if (ctl->option['n'])
		return try_all(ctl);
	code = segreg_edit_begin(ctl->reg, &edit);
	if (code)
		return ctl_fail(ctl, code);
	status = add_all(ctl, edit);
	if (status) {
		segreg_edit_abort(edit);
		return status;
	}
	code = segreg_edit_commit(edit, NULL);
	return code ? ctl_fail(ctl, code) : EX_OK;
}
