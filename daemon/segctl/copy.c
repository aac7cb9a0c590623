/*
 * copy.c - copying and removing trees, by the tools that do it best.
 *
 * cp(1) shares blocks where the file system can, and keeps holes, hard links, times, owners and extended attributes; rm(1) does not
 * leave the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segctl/ctl.h"

extern char **environ;

/* An argument that is not written to; posix_spawn's type says otherwise. */
static char *argument(const char *text)
{
	union {
		const char *in;
		char *out;
	} both = { .in = text };

	return both.out;
}

static int run(const struct ctl *ctl, char *const argv[])
{
	int status, error;
	pid_t pid;

	error = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (error)
		return ctl_error(ctl, EX_OSERR, "cannot run %s: %s", argv[0], strerror(error));
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return ctl_error(ctl, EX_OSERR, "cannot wait for %s: %s", argv[0], strerror(errno));
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return EX_OK;
	return WIFEXITED(status) ? ctl_error(ctl, EX_IOERR, "%s failed with status %d", argv[0], WEXITSTATUS(status)) :
				   ctl_error(ctl, EX_IOERR, "%s was ended by signal %d", argv[0], WTERMSIG(status));
}

int ctl_copy_tree(const struct ctl *ctl, const char *from, const char *to)
{
	return run(ctl, (char *[]){ argument("cp"), argument("-a"), argument("-T"), argument("--reflink=auto"), argument("--"),
				    argument(from), argument(to), NULL });
}

int ctl_remove_tree(const struct ctl *ctl, const char *path)
{
	return run(ctl, (char *[]){ argument("rm"), argument("-rf"), argument("--one-file-system"), argument("--"), argument(path),
				    NULL });
}

int ctl_sync(const struct ctl *ctl, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = EX_OK;

	if (fd == -1 || syncfs(fd) == -1)
		status = ctl_error(ctl, EX_IOERR, "cannot make %s durable: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return status;
}
