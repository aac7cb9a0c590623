/* verb_remove.c - segctl remove: forgets segments and leaves their files alone. */
#include <stdio.h>
#include <string.h>

#include "segreg.h"
#include "common/format.h"
#include "common/measure.h"
#include "common/text.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/progress.h"
#include "segctl/segments.h"
#include "segctl/select.h"
#include "segctl/several.h"

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

struct leases {
	const struct segreg_info *info;
	uint64_t *holds;
};

static int count_lease(void *arg, const struct segreg_lease *lease)
{
	struct leases *leases = arg;
	const struct segreg_info *info = leases->info;

	*leases->holds += (uint64_t)segreg_lease_holds(lease, info->id, info->born, info->retired);
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
	return holds ? "is held by a handle or a lease; see --force" : NULL;
}

/* Print where the trash has the rest of a segment whose deletion had begun. No sweep removes it any more. */
static void tell_rest(const struct ctl *ctl, const struct segreg_info *info)
{
	char place[TOOL_PLACE_SIZE];

	if (tool_measure_locate(segreg_base_path(ctl->reg), info, place))
		tool_text_say(stdout, "", "what its deletion has left of %" PRIu64 " %s is %s", info->id, info->path,
			      place);
}

static int try_one(struct ctl *ctl, struct ctl_several *errors, uint64_t id)
{
	struct ctl_segments segments = { .n = 0 };
	uint64_t holds = 0;
	int status = EX_OK, code = ctl_segments_load_one(ctl, id, &segments);
	const char *why;

	if (!code)
		code = segreg_holders(ctl->reg, id, count_holds, &holds);
	if (!code)
		code = segreg_lease_list(ctl->reg, count_lease,
					 &(struct leases){ .info = &segments.items[0].info, .holds = &holds });
	why = code ? NULL : objection(ctl, &segments.items[0].info, holds);
	if (code)
		status = ctl_several_fail(ctl, errors, code);
	else if (why)
		status = ctl_several_error(ctl, errors, EX_TEMPFAIL, "segment %" PRIu64 " %s", id, why);
	else
		tool_text_say(stdout, "", "would forget %" PRIu64 " %s", id, segments.items[0].path);
	if (!status)
		tell_rest(ctl, &segments.items[0].info);
	ctl_segments_free(&segments);
	return status;
}

static int forget(const struct ctl *ctl, struct ctl_several *errors, uint64_t id)
{
	int code = segreg_force_remove(ctl->reg, id, ctl->option['f'] ? SEGREG_FORCE : 0);

	/* The error of the library names its flag; segctl has an option instead. */
	if (code == SEGREG_E_BUSY && !ctl->option['f'] && strstr(segreg_last_error(), "SEGREG_FORCE"))
		return ctl_several_error(
			ctl, errors, EX_TEMPFAIL,
			"segment %" PRIu64
			" is held by a handle or a lease (segctl lease ls), being built, or to be deleted; see --force",
			id);
	return code ? ctl_several_fail(ctl, errors, code) : EX_OK;
}

static int remove_one(struct ctl *ctl, struct ctl_several *errors, uint64_t id)
{
	struct ctl_segments segments = { .n = 0 };
	int code = ctl_segments_load_one(ctl, id, &segments);
	int status = code ? ctl_several_fail(ctl, errors, code) : forget(ctl, errors, id);

	if (!status)
		tell_rest(ctl, &segments.items[0].info);
	ctl_segments_free(&segments);
	return status;
}

/* Has another process removed it since the pattern matched it? */
static bool is_gone(const struct ctl *ctl, uint64_t id)
{
	enum segreg_state state;

	return segreg_state(ctl->reg, id, &state) == SEGREG_E_NOENT;
}

static int exec(struct ctl *ctl)
{
	struct ctl_several errors = { .status = EX_OK };
	struct ctl_selection selection;
	int status = ctl_select(ctl, ctl->n_operands, NULL, &selection);
	size_t n = 0;

	/* A segment that fails gets an error, and does not keep the others from being forgotten. */
	for (size_t i = 0; i < selection.n && !status; i++) {
		uint64_t id;
		int code = ctl_select_find(ctl, &selection.items[i], &id);

		if (code)
			ctl_several_fail(ctl, &errors, code);
		else if (selection.items[i].is_match && is_gone(ctl, id))
			continue;
		else if (ctl->option['n'])
			try_one(ctl, &errors, id);
		else
			n += remove_one(ctl, &errors, id) == EX_OK;
		if (selection.n_matches)
			ctl_progress_show("%zu of %zu segments", i + 1, selection.n);
	}
	ctl_progress_end();
	if (!status) {
		status = ctl_several_end(ctl, &errors);
		if (selection.n_matches && !ctl->option['n'])
			printf("%zu %s forgotten\n", n, tool_plural(n, "segment", "segments"));
	}
	ctl_select_free(&selection);
	return status;
}
