/* verb_remove.c - segctl remove: forgets segments and leaves their files alone. */
#include <stdio.h>
#include <string.h>

#include "segreg.h"
#include "common/measure.h"
#include "common/text.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/segments.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_remove = {
	.name = "remove",
	.operands = "SEGMENT...",
	.help = "Forget segments and leave their files alone",
	.min = 1,
	.max = -1,
	.options =
		(const struct ctl_option[]){
			{ 'f', "force", NULL, "even if held, being built, or to be deleted" },
			{ 'n', "dry-run", NULL, "say what would be forgotten, change nothing" },
			{ 0 },
		},
	.exec = exec,
};

static int count_holds(void *arg, const struct segreg_holder *holder)
{
	uint64_t *holds = arg;

	*holds += holder->pins + holder->snapshots + holder->horizons;
	return 0;
}

/*
 * Returns why the library would refuse it, or NULL. The library alone knows whether a sweep is deleting the segment
 * now.
 */
static const char *objection(const struct ctl *ctl, const struct segreg_info *info, uint64_t holds)
{
	if (ctl->option['f'])
		return NULL;
	if (info->state == SEGREG_DELETING)
		return "is to be deleted; see --force";
	if (info->state == SEGREG_BUILDING)
		return "is being built; see --force";
	return holds ? "is held; see --force" : NULL;
}

/* Print where the trash has the rest of a segment whose deletion had begun. No sweep removes it any more. */
static void tell_rest(const struct ctl *ctl, const struct segreg_info *info)
{
	char place[TOOL_PLACE_SIZE];

	if (tool_measure_locate(segreg_base_path(ctl->reg), info, place))
		tool_text_say(stdout, "", "what its deletion has left of %" PRIu64 " %s is %s", info->id, info->path,
			      place);
}

static int try_one(struct ctl *ctl, uint64_t id)
{
	struct ctl_segments segments = { .n = 0 };
	uint64_t holds = 0;
	int status = EX_OK, code = ctl_segments_load_one(ctl, id, &segments);
	const char *why;

	if (!code)
		code = segreg_holders(ctl->reg, id, count_holds, &holds);
	why = code ? NULL : objection(ctl, &segments.items[0].info, holds);
	if (code)
		status = ctl_fail(ctl, code);
	else if (why)
		status = ctl_error(ctl, EX_TEMPFAIL, "segment %" PRIu64 " %s", id, why);
	else
		tool_text_say(stdout, "", "would forget %" PRIu64 " %s", id, segments.items[0].path);
	if (!status)
		tell_rest(ctl, &segments.items[0].info);
	ctl_segments_free(&segments);
	return status;
}

static int forget(const struct ctl *ctl, uint64_t id)
{
	int code = segreg_force_remove(ctl->reg, id, ctl->option['f'] ? SEGREG_FORCE : 0);

	/* The error of the library names its flag; segctl has an option instead. */
	if (code == SEGREG_E_BUSY && !ctl->option['f'] && strstr(segreg_last_error(), "SEGREG_FORCE"))
		return ctl_error(
			ctl, EX_TEMPFAIL,
			"segment %" PRIu64
			" is held by a handle or a lease (segctl lease ls), being built, or to be deleted; see "
			"--force",
			id);
	return code ? ctl_fail(ctl, code) : EX_OK;
}

static int remove_one(struct ctl *ctl, uint64_t id)
{
	struct ctl_segments segments = { .n = 0 };
	int code = ctl_segments_load_one(ctl, id, &segments);
	int status = code ? ctl_fail(ctl, code) : forget(ctl, id);

	if (!status)
		tell_rest(ctl, &segments.items[0].info);
	ctl_segments_free(&segments);
	return status;
}

static int exec(struct ctl *ctl)
{
	int status = EX_OK, first = EX_OK;

	/* A segment that fails gets an error, and does not keep the others from being forgotten. */
	for (int i = 0; i < ctl->n_operands; i++) {
		uint64_t id;

		status = ctl_parse_segment(ctl, ctl->operand[i], &id);
		if (!status)
			status = ctl->option['n'] ? try_one(ctl, id) : remove_one(ctl, id);
		if (!first)
			first = status;
	}
	return first;
}
