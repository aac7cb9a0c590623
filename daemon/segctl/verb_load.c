/*
 * verb_load.c - segctl load: register what a dump lists, all of it or nothing.
 */
#include <stdio.h>

#include "segctl/ctl.h"
#include "segctl/load.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_load = {
	.name = "load",
	.operands = "[FILE]",
	.help = "Register what a dump lists, all of it or nothing",
	.max = 1,
	.options =
		(const struct ctl_option[]){
			{ 'n', "dry-run", NULL, "say what would be registered, change nothing" },
			{ 0 },
		},
	.exec = exec,
};

static int exec(struct ctl *ctl)
{
	return ctl_load_text(ctl, ctl->n_operands ? ctl->operand[0] : NULL, NULL, NULL);
}
