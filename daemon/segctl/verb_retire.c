/*
 * verb_retire.c - segctl retire: retire segments, all of them at once or none.
 */
#include <stdio.h>

#include "segreg.h"
#include "common/format.h"
#include "common/text.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/segments.h"
#include "segctl/select.h"

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
		tool_text_say(stdout, "", "would retire %" PRIu64 " %s, pinned %" PRIu64 " %s", id, info->path,
			      info->pins, tool_plural(info->pins, "time", "times"));
	ctl_segments_free(&segments);
	return status;
}

static int try_all(struct ctl *ctl, const struct ctl_selection *selection)
{
	int status = EX_OK;

	for (size_t i = 0; i < selection->n && !status; i++) {
		uint64_t id;
		int code = ctl_select_find(ctl, &selection->items[i], &id);

		status = code ? ctl_fail(ctl, code) : try_one(ctl, id);
	}
	return status;
}

/*
 * What a pattern matched is retired by its path, and what a range matched by its id. Another segment that has taken the
 * path or the id meanwhile matches as well.
 */
static int retire_all(struct ctl *ctl, const struct ctl_selection *selection)
{
	struct segreg_edit *edit;
	int code = segreg_edit_begin(ctl->reg, &edit);

	if (code)
		return code;
	for (size_t i = 0; i < selection->n && !code; i++) {
		const struct ctl_choice *choice = &selection->items[i];
		bool by_path = choice->path && (!choice->is_match || choice->is_glob);

		code = by_path ? segreg_edit_retire_path(edit, choice->path) : segreg_edit_retire(edit, choice->id);
	}
	if (!code)
		return segreg_edit_commit(edit, NULL);
	segreg_edit_abort(edit);
	return code;
}

static int exec(struct ctl *ctl)
{
	struct ctl_selection selection;
	int code, status = ctl_select(ctl, ctl->n_operands, ctl_select_is_live, &selection);

	if (!status && ctl->option['n']) {
		status = try_all(ctl, &selection);
	} else if (!status) {
		code = retire_all(ctl, &selection);
		status = code ? ctl_fail(ctl, code) : EX_OK;
		if (!status && selection.n_matches)
			printf("%zu %s retired\n", selection.n, tool_plural(selection.n, "segment", "segments"));
	}
	ctl_select_free(&selection);
	return status;
}
