/*
 * verb_hold.c - segctl hold: run a command while nothing that is retired from now on is deleted.
 */
#include <string.h>

#include "segreg.h"
#include "segctl/command.h"
#include "segctl/ctl.h"
#include "segctl/error.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_hold = {
	.name = "hold",
	.operands = "[--] COMMAND...",
	.help = "Run a command while nothing retired from now on is deleted",
	.min = 1,
	.max = -1,
	.flags = CTL_COMMAND,
	.options =
		(const struct ctl_option[]){
			{ 's', "snapshot", NULL, "hold the segments of this version only, not later ones" },
			{ 0 },
		},
	.exec = exec,
};

static int exec(struct ctl *ctl)
{
	char **command = ctl->operand;
	struct segreg_snapshot held;
	int code;

	if (!strcmp(command[0], "--"))
		command++;
	if (!*command)
		return ctl_usage(ctl, "COMMAND... expected");
	code = segreg_snapshot_take(ctl->reg, ctl->option['s'] ? SEGREG_SNAPSHOT : SEGREG_HORIZON, &held);
	if (code)
		return ctl_fail(ctl, code);
	ctl_command_set_version(held.version);
	return ctl_command_run(ctl, command);
}
