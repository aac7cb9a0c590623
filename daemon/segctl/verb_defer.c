/*
 * verb_defer.c - segctl defer: run a program that knows nothing of segreg, so that it discards what it would delete.
 *
 * libsegreg-defer.so does the work, in the command and in the processes that it starts. The environment tells it which
 * registry it is. segctl becomes the command, so nothing of segctl is left meanwhile.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/preload.h"

#define EX_NOEXEC 126 /* the status that shells give */
#define EX_NOCOMMAND 127

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_defer = {
	.name = "defer",
	.operands = "[--] COMMAND...",
	.help = "Run a command that discards the files which it would delete",
	.min = 1,
	.max = -1,
	.flags = CTL_COMMAND,
	.options =
		(const struct ctl_option[]){
			{ 'm', "match", "PATTERNS", "only such files: '*.sst,*.ldb,!tmp*'" },
			{ 0 },
		},
	.exec = exec,
};

static int set_environment(struct ctl *ctl, const char *library)
{
	char registry[PATH_MAX];

	if (!realpath(ctl->dir, registry))
		return ctl_error(ctl, EX_OSERR, "cannot resolve %s: %s", ctl->dir, strerror(errno));
	if (setenv("SEGREG_REGISTRY", registry, 1) || setenv("SEGREG_DEFER_REGISTRY", registry, 1) ||
	    setenv("SEGREG_DEFER_BASE", segreg_base_path(ctl->reg), 1) ||
	    (ctl->option['m'] ? setenv("SEGREG_DEFER_MATCH", ctl->option['m'], 1) : unsetenv("SEGREG_DEFER_MATCH")) ||
	    !ctl_preload_add(library))
		return ctl_error(ctl, EX_OSERR, "cannot set the environment: %s", strerror(errno));
	return EX_OK;
}

static int exec(struct ctl *ctl)
{
	char **command = ctl->operand, library[PATH_MAX];
	int status, error;

	if (!strcmp(command[0], "--"))
		command++;
	if (!*command)
		return ctl_usage(ctl, "COMMAND... expected");
	if (ctl->option['m'] && !ctl->option['m'][strspn(ctl->option['m'], ",")])
		return ctl_usage(ctl, "--match needs a pattern, such as '*.sst'");
	if (!ctl_preload_find(library))
		return ctl_error(ctl, EX_UNAVAILABLE,
				 "cannot find " CTL_PRELOAD_NAME "; install it, or set " CTL_PRELOAD_VARIABLE
				 " to its path");
	if (strpbrk(library, ": "))
		return ctl_error(ctl, EX_UNAVAILABLE, "LD_PRELOAD takes no path with a colon or a blank: %s", library);
	status = set_environment(ctl, library);
	if (status)
		return status;
	segreg_close(ctl->reg, NULL);
	ctl->reg = NULL;
	fflush(NULL);
	execvp(command[0], command);
	error = errno;
	return ctl_error(ctl, error == ENOENT ? EX_NOCOMMAND : EX_NOEXEC, "cannot run %s: %s", command[0],
			 strerror(error));
}
