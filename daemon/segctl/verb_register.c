/*
 * verb_register.c - segctl register: make a directory or file a live segment.
 */
#include <inttypes.h>
#include <stdio.h>

#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_register = {
	.name = "register",
	.operands = "ID PATH",
	.help = "Make PATH, relative to the base directory, the live segment ID",
	.min = 2,
	.max = 2,
	.exec = exec,
};

static int note_weak(void *arg, const struct segreg_info *info)
{
	(void)arg;
	if (info->is_weakly_identified)
		fprintf(stderr,
			"segctl: note: on this file system only the inode number tells segment %" PRIu64
			" from what takes its place; "
			"replace nothing at its path before it is deleted\n",
			info->id);
	return 0;
}

static int exec(struct ctl *ctl)
{
	uint64_t id;
	int code;

	if (!ctl_parse_id(ctl, ctl->operand[0], &id))
		return EX_USAGE;
	if (id == SEGREG_ID_NEXT)
		return ctl_usage(ctl, "%s is no segment's id: it stands for an id of the registry's choice",
				 ctl->operand[0]);
	code = segreg_register(ctl->reg, id, ctl->operand[1]);
	if (code)
		return ctl_fail(ctl, code);
	segreg_list_one(ctl->reg, id, note_weak, NULL);
	return EX_OK;
}
