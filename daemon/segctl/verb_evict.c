/* verb_evict.c - segctl evict: takes away what a process holds that must not be ended. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "segreg.h"
#include "common/format.h"
#include "common/number.h"
#include "common/text.h"
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

struct meant {
	const struct ctl *ctl;
	uint64_t number;
	struct segreg_holder *holders;
	char (*labels)[SEGREG_LABEL_SIZE];
	size_t n;
	size_t n_foreign; /* handles of another PID namespace with that number as their pid */
	uint32_t foreign; /* lane of one of these */
};

static bool is_own(const struct segreg_holder *holder)
{
	return !holder->is_foreign && holder->pid == getpid();
}

static int note(void *arg, const struct segreg_holder *holder)
{
	struct meant *meant = arg;
	void *holders, *labels;

	if (meant->ctl->option['l'] ? holder->lane != meant->number : (uint64_t)holder->pid != meant->number)
		return 0;
	if (!meant->ctl->option['l'] && holder->is_foreign) {
		meant->n_foreign++;
		meant->foreign = holder->lane;
		return 0;
	}
	holders = reallocarray(meant->holders, meant->n + 1, sizeof *meant->holders);
	meant->holders = holders ? holders : meant->holders;
	labels = reallocarray(meant->labels, meant->n + 1, sizeof *meant->labels);
	meant->labels = labels ? labels : meant->labels;
	if (!holders || !labels)
		return SEGREG_E_NOMEM;
	meant->holders[meant->n] = *holder;
	snprintf(meant->labels[meant->n++], SEGREG_LABEL_SIZE, "%s", holder->label);
	return 0;
}

static int evict(struct ctl *ctl, const struct segreg_holder *holder, const char *label)
{
	uint64_t released = holder->pins + holder->snapshots + holder->horizons;
	int code = ctl->option['n'] ? 0 : segreg_evict(ctl->reg, holder->lane, holder->epoch, &released);

	if (code == SEGREG_E_NOENT)
		return EX_OK; /* the handle was closed meanwhile */
	if (!code)
		tool_text_say(stdout, "", "%s the handle %" PRIu32 " of pid %" PRId64 " (%s): %" PRIu64 " %s",
			      ctl->option['n'] ? "would evict" : "evicted", holder->lane, holder->pid, label, released,
			      released == 1 ? "pin or snapshot" : "pins and snapshots");
	return code ? ctl_fail(ctl, code) : EX_OK;
}

/* Refuse a number that is segctl's own, or of several processes. Returns the exit status; EX_OK: it is clear. */
static int refuse(struct ctl *ctl, const struct meant *meant)
{
	const char *number = ctl->operand[0];

	if (meant->n && is_own(&meant->holders[0]))
		return ctl_error(ctl, EX_USAGE,
				 "%s is segctl itself%s; see the column LANE of segctl holders -o +LANE, and evict by "
				 "--lane",
				 number, meant->n_foreign ? ", and a process of another PID namespace" : "");
	if (meant->n && meant->n_foreign)
		return ctl_error(ctl, EX_USAGE,
				 "%s is the pid of several processes, in this PID namespace and in another; see segctl "
				 "holders -o +LANE, and evict by --lane",
				 number);
	if (meant->n_foreign)
		return ctl_error(ctl, EX_NOINPUT,
				 "process %s is in another PID namespace; evict its handle: segctl evict --lane "
				 "%" PRIu32 "%s",
				 number, meant->foreign,
				 meant->n_foreign > 1 ? " (there are several: segctl holders -o +LANE)" : "");
	if (meant->n)
		return EX_OK;
	return ctl_error(ctl, EX_NOINPUT,
			 ctl->option['l'] ? "there is no handle %s; see segctl holders -o +LANE"
					  : "process %s does not have the registry open, as far as can be seen from "
					    "here; see segctl holders",
			 number);
}

static int exec(struct ctl *ctl)
{
	struct meant meant = { .ctl = ctl };
	int status, code;

	if (!tool_parse_number(ctl->operand[0], UINT32_MAX, &meant.number))
		return ctl_usage(ctl, "'%s' is not the number of a process or handle", ctl->operand[0]);
	code = segreg_lanes(ctl->reg, note, &meant);
	status = code ? ctl_fail(ctl, code) : refuse(ctl, &meant);
	for (size_t i = 0; i < meant.n && !status; i++)
		status = evict(ctl, &meant.holders[i], meant.labels[i]);
	free(meant.holders);
	free(meant.labels);
	return status;
}
