/* verb_evict.c - segctl evict: takes away what a process holds that must not be ended. */
#include <stdio.h>
#include <stdlib.h>

#include "segreg.h"
#include "common/format.h"
#include "common/number.h"
#include "common/text.h"
#include "segctl/blame.h"
#include "segctl/ctl.h"
#include "segctl/error.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_evict = {
	.name = "evict",
	.operands = "PID",
	.help = "Take away what a process holds that must not be ended",
	.min = 1,
	.max = 1,
	.options =
		(const struct ctl_option[]){
			{ 'l', "lane", NULL, "the operand is the number of a handle, not of a process" },
			{ 'n', "dry-run", NULL, "say what would be taken away, change nothing" },
			{ 0 },
		},
	.exec = exec,
};

static bool is_meant(const struct ctl *ctl, const struct segreg_holder *holder, uint64_t number)
{
	if (ctl->option['l'])
		return holder->lane == number;
	return !holder->is_foreign && (uint64_t)holder->pid == number;
}

static void tell(const struct ctl *ctl, const struct ctl_culprit *culprit, uint64_t released)
{
	tool_text_say(stdout, "", "%s the handle %" PRIu32 " of pid %" PRId64 " (%s): %" PRIu64 " %s",
		      ctl->option['n'] ? "would evict" : "evicted", culprit->holder.lane, culprit->holder.pid,
		      culprit->label, released, tool_plural(released, "pin or snapshot", "pins and snapshots"));
}

static int evict(struct ctl *ctl, const struct ctl_culprit *culprit)
{
	const struct segreg_holder *holder = &culprit->holder;
	uint64_t released = holder->pins + holder->snapshots + holder->horizons;
	int code = ctl->option['n'] ? 0 : segreg_evict(ctl->reg, holder->lane, holder->epoch, &released);

	if (code == SEGREG_E_NOENT)
		return EX_OK; /* the handle was closed meanwhile */
	if (!code)
		tell(ctl, culprit, released);
	return code ? ctl_fail(ctl, code) : EX_OK;
}

static int exec(struct ctl *ctl)
{
	struct ctl_blame all;
	uint64_t number;
	int status = EX_NOINPUT, code;

	if (!tool_parse_number(ctl->operand[0], UINT32_MAX, &number))
		return ctl_usage(ctl, "'%s' is not the number of a process or handle", ctl->operand[0]);
	code = ctl_blame_begin(ctl, &all);
	for (size_t i = 0; i < all.n && !code; i++)
		if (is_meant(ctl, &all.culprits[i].holder, number) && (status == EX_NOINPUT || !status))
			status = evict(ctl, &all.culprits[i]);
	ctl_blame_free(&all);
	if (code)
		return ctl_fail(ctl, code);
	if (status == EX_NOINPUT)
		return ctl_error(ctl, status,
				 ctl->option['l'] ? "there is no handle %s; see segctl holders -o +LANE"
						  : "process %s does not have the registry open, as far as can be seen "
						    "from here; see segctl holders",
				 ctl->operand[0]);
	return status;
}
