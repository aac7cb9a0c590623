/*
 * verb_discard.c - segctl discard: delete files and directories by their paths, as soon as nobody needs them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "segreg.h"
#include "common/text.h"
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

/* Is nothing at path, relative to base or absolute, and has no segment it? */
static bool is_nothing(const struct ctl *ctl, const char *path)
{
	char *absolute = NULL;
	struct stat st;
	bool is_absent;

	if (path[0] != '/' && asprintf(&absolute, "%s/%s", segreg_base_path(ctl->reg), path) == -1)
		return false;
	is_absent = lstat(absolute ? absolute : path, &st) == -1 && (errno == ENOENT || errno == ENOTDIR);
	free(absolute);
	return is_absent && segreg_find(ctl->reg, path, NULL, NULL) == SEGREG_E_NOENT;
}

/* As with rm -f, nothing at a path is no failure: a discard that was cut short may be repeated. But it may be a typo.
 */
static int exec(struct ctl *ctl)
{
	bool *is_absent = calloc((size_t)ctl->n_operands, sizeof *is_absent);
	int code;

	if (!is_absent)
		return ctl_fail(ctl, SEGREG_E_NOMEM);
	for (int i = 0; i < ctl->n_operands; i++)
		is_absent[i] = is_nothing(ctl, ctl->operand[i]);
	code = segreg_discard(ctl->reg, (const char *const *)ctl->operand, (size_t)ctl->n_operands, 0);
	for (int i = 0; i < ctl->n_operands && !code; i++)
		if (is_absent[i])
			tool_text_say(stderr, "segctl: ", "note: nothing is at %s, and no segment has that path",
				      ctl->operand[i]);
	free(is_absent);
	return code ? ctl_fail(ctl, code) : EX_OK;
}
