/* verb_wait.c - segctl wait: sleeps until the registry has a newer version, and prints that version. */
#include <stdio.h>

#include "segreg.h"
#include "common/number.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_wait = {
	.name = "wait",
	.operands = "[VERSION]",
	.help = "Wait for a version newer than VERSION or the current one",
	.max = 1,
	.options =
		(const struct ctl_option[]){
			{ 't', "timeout", "DURATION", "give up after DURATION, with exit status 75" },
			{ 0 },
		},
	.exec = exec,
};

static int exec(struct ctl *ctl)
{
	uint64_t version, now, milliseconds = 0;
	int code, timeout_ms = -1;

	if (!ctl_parse_span(ctl, 't', &milliseconds))
		return EX_USAGE;
	if (milliseconds > INT32_MAX)
		return ctl_usage(ctl, "option -t: a timeout ends after 24 days; without one, wait has no end");
	if (ctl->option['t'])
		timeout_ms = (int)milliseconds;
	if (ctl->n_operands) {
		if (!tool_parse_number(ctl->operand[0], UINT64_MAX, &version))
			return ctl_usage(ctl, "'%s' is not a version", ctl->operand[0]);
	} else {
		code = segreg_version(ctl->reg, &version);
		if (code)
			return ctl_fail(ctl, code);
	}
	code = segreg_wait(ctl->reg, version, timeout_ms, &now);
	if (code)
		return ctl_fail(ctl, code);
	printf("%" PRIu64 "\n", now);
	return EX_OK;
}
