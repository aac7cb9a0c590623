/*
 * ctl_register.c - segctl register: make a directory or file a live segment.
 */
#include "ctl.h"

static int exec(struct ctl *ctl)
{
	uint64_t id;
	int code;

	if (!ctl_parse_id(ctl, ctl->operand[0], &id))
		return EX_USAGE;
	code = segreg_register(ctl->reg, id, ctl->operand[1]);
	return code ? ctl_fail(ctl, code) : EX_OK;
}

const struct ctl_verb ctl_register = {
	.name = "register",
	.operands = "ID PATH",
	.help = "Make PATH, relative to the base directory, the live segment ID",
	.min = 2,
	.max = 2,
	.exec = exec,
};
