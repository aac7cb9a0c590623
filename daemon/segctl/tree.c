/*
 * tree.c - copying and removing trees, by cp(1) and rm(1).
 *
 * cp(1) shares blocks where the file system can, and keeps holes, hard links, times, owners and extended attributes.
 * rm(1) does not leave the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/progress.h"
#include "segctl/stderr.h"
#include "segctl/tree.h"

extern char **environ;

/* posix_spawn does not write to its arguments, but their type lets it. */
static char *argument(const char *text)
{
	union {
		const char *in;
		char *out;
	} both = { .in = text };

	return both.out;
}

/*
 * Pass on the errors of cp or rm by ctl_stderr_write: a snapshot is held meanwhile, and stderr may have no room.
 */
static void pass_on(int fd)
{
	char text[4096];
	ssize_t n;

	while ((n = read(fd, text, sizeof text - 1)) > 0 || (n == -1 && errno == EINTR)) {
		if (n < 0)
			continue;
		text[n] = '\0';
		ctl_progress_end();
		ctl_stderr_write(text);
	}
}

static int spawn(char *const argv[], pid_t *pid, int *complaints)
{
	posix_spawn_file_actions_t actions;
	int error, fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return errno;
	error = posix_spawn_file_actions_init(&actions);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, fds[1], STDERR_FILENO);
	if (!error)
		error = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (error)
		close(fds[0]);
	*complaints = fds[0];
	return error;
}

static int run(const struct ctl *ctl, char *const argv[])
{
	int status, complaints = -1, error;
	pid_t pid;

	error = spawn(argv, &pid, &complaints);
	if (error)
		return ctl_error(ctl, EX_OSERR, "cannot run %s: %s", argv[0], strerror(error));
	pass_on(complaints);
	close(complaints);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return ctl_error(ctl, EX_OSERR, "cannot wait for %s: %s", argv[0], strerror(errno));
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return EX_OK;
	return WIFEXITED(status) ? ctl_error(ctl, EX_IOERR, "%s failed with status %d", argv[0], WEXITSTATUS(status))
				 : ctl_error(ctl, EX_IOERR, "%s was ended by signal %d", argv[0], WTERMSIG(status));
}

int ctl_tree_copy(const struct ctl *ctl, const char *from, const char *to)
{
	return run(ctl, (char *[]){ argument("cp"), argument("-a"), argument("-T"), argument("--reflink=auto"),
				    argument("--"), argument(from), argument(to), NULL });
}

int ctl_tree_remove(const struct ctl *ctl, const char *path)
{
	return run(ctl, (char *[]){ argument("rm"), argument("-rf"), argument("--one-file-system"), argument("--"),
				    argument(path), NULL });
}

int ctl_tree_sync(const struct ctl *ctl, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = EX_OK;

	if (fd == -1 || syncfs(fd) == -1)
		status = ctl_error(ctl, EX_IOERR, "cannot make %s durable: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return status;
}
