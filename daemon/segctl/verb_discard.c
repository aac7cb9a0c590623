/*
 * verb_discard.c - segctl discard: delete files and directories by their paths, as soon as nobody needs them.
 */
#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/error.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_discard = {
	.name = "discard",
	.operands = "PATH...",
	.help = "Delete what is at PATH as soon as no horizon holds it",
	.min = 1,
	.max = -1,
	.exec = exec,
};

static int exec(struct ctl *ctl)
{
	int code = segreg_discard(ctl->reg, (const char *const *)ctl->operand, (size_t)ctl->n_operands, 0);

	return code ? ctl_fail(ctl, code) : EX_OK;
}
