/*
 * verb_register.c - segctl register: make a directory or file a live segment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "segreg.h"
#include "segctl/below.h"
#include "segctl/bytes.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_register = {
	.name = "register",
	.operands = "ID PATH",
	.help = "Make PATH, relative to the base directory, the live segment ID",
	.max = 2,
	.options =
		(const struct ctl_option[]){
			{ 'u', "user-bytes", "BYTES", "give it these bytes; %NN is a byte in hexadecimal" },
			{ 'b', "below", "DIR", "register each file below DIR, under new ids" },
			{ 'm', "match", "GLOB", "of these, the files whose names match GLOB" },
			{ 'n', "dry-run", NULL, "say what --below would register, change nothing" },
			{ 0 },
		},
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

static int add(const struct ctl *ctl, uint64_t id, const unsigned char *user, size_t user_size)
{
	struct segreg_edit *edit;
	int code = segreg_edit_begin(ctl->reg, &edit);

	if (code)
		return code;
	code = segreg_edit_add(edit, id, ctl->operand[1]);
	if (!code)
		code = segreg_edit_set_user(edit, user, user_size);
	if (!code)
		return segreg_edit_commit(edit, NULL);
	segreg_edit_abort(edit);
	return code;
}

static bool leads_up(const char *dir)
{
	for (const char *part = dir; part; part = strchr(part, '/')) {
		part += part != dir;
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
			return true;
	}
	return false;
}

static int below(struct ctl *ctl)
{
	const char *dir = ctl->option['b'];
	size_t length = strlen(dir);

	if (ctl->n_operands)
		return ctl_usage(ctl, "--below takes no ID and no PATH");
	if (length == 0 || length > SEGREG_PATH_MAX || dir[0] == '/' || dir[length - 1] == '/' || leads_up(dir))
		return ctl_usage(ctl,
				 "--below needs a directory relative to base, without \"..\" and without a slash at "
				 "either end; \".\" is base");
	return ctl_below_register(ctl, dir, ctl->option['m']);
}

static int exec(struct ctl *ctl)
{
	unsigned char user[SEGREG_USER_SIZE];
	size_t user_size = 0;
	uint64_t id;
	int code;

	if (ctl->option['b'] && ctl->option['u'])
		return ctl_usage(ctl, "--user gives bytes to one segment, and --below registers many");
	if (ctl->option['b'])
		return below(ctl);
	if (ctl->option['m'] || ctl->option['n'])
		return ctl_usage(ctl, "--match and --dry-run need --below");
	if (ctl->n_operands != 2)
		return ctl_usage(ctl, "register needs an ID and a PATH, or --below DIR");
	if (!ctl_parse_id(ctl, ctl->operand[0], &id))
		return EX_USAGE;
	if (id == SEGREG_ID_NEXT)
		return ctl_usage(ctl, "%s is no segment's id: it stands for an id of the registry's choice",
				 ctl->operand[0]);
	if (ctl->option['u'] && !ctl_bytes_read(ctl->option['u'], user, &user_size))
		return ctl_usage(ctl, "option -u: more than %d bytes, or a %% without two digits (0-9, a-f) behind it",
				 SEGREG_USER_SIZE);
	code = add(ctl, id, user, user_size);
	if (code)
		return ctl_fail(ctl, code);
	segreg_list_one(ctl->reg, id, note_weak, NULL);
	return EX_OK;
}
