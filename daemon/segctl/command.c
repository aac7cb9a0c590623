/*
 * command.c - running a command while segments stay, in the manner of flock(1).
 *
 * The command is a child of segctl, which holds the segments until the command ends. The environment of the command
 * has SEGREG_PATH, the absolute path of the first segment, SEGREG_VERSION, and SEGREG_REGISTRY. The end of segctl, even
 * by kill -9, gives everything back and sends the command SIGTERM. If segctl itself runs below segctl defer, the
 * command does not: it is a reader, and sees what is discarded.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "segreg.h"
#include "segctl/command.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/preload.h"

#define EX_NOEXEC 126 /* the status that shells give */
#define EX_NOCOMMAND 127

/*
 * A terminal sends its signals to the command as well. The command decides; segctl holds as long as it runs.
 */
static void ignore(int signal)
{
	(void)signal;
}

/*
 * Become the command, in the child. The parent writes why that failed, when it holds nothing any more: the reader of
 * stderr may be stopped.
 */
__attribute__((noreturn)) static void become(char **command, pid_t holder, int failure)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* without segctl nothing is held any more */
	if (getppid() != holder)          /* segctl ended before the prctl */
		_exit(128 + SIGTERM);
	ctl_preload_remove();
	execvp(command[0], command);
	if (write(failure, &errno, sizeof errno) == -1)
		_exit(EX_NOEXEC);
	_exit(errno == ENOENT ? EX_NOCOMMAND : EX_NOEXEC);
}

/* The command did not run, for that errno. Nothing needs to be held any longer. */
static int give_up(struct ctl *ctl, int status, const char *what, const char *command, int error)
{
	segreg_close(ctl->reg, NULL);
	ctl->reg = NULL;
	return ctl_error(ctl, status, "%s%s: %s", what, command, strerror(error));
}

/* The command may change its directory, and a segctl in it needs the same registry: so the path is absolute. */
static void set_registry(const struct ctl *ctl)
{
	char *dir = realpath(ctl->dir, NULL);

	setenv("SEGREG_REGISTRY", dir ? dir : ctl->dir, 1);
	free(dir);
}

/* Returns the exit status of the command. */
int ctl_command_run(struct ctl *ctl, char **command)
{
	struct sigaction stay = { .sa_handler = ignore, .sa_flags = SA_RESTART }, was_int, was_quit;
	pid_t pid, holder = getpid();
	int failure[2], status, error = 0;

	if (pipe2(failure, O_CLOEXEC) == -1)
		return give_up(ctl, EX_OSERR, "cannot make a pipe", "", errno);
	set_registry(ctl);
	fflush(NULL);
	sigaction(SIGINT, &stay, &was_int);
	sigaction(SIGQUIT, &stay, &was_quit);
	pid = fork();
	if (pid == -1)
		return give_up(ctl, EX_OSERR, "cannot start a process for ", command[0], errno);
	if (pid == 0) {
		sigaction(SIGINT, &was_int, NULL);
		sigaction(SIGQUIT, &was_quit, NULL);
		become(command, holder, failure[1]);
	}
	close(failure[1]);
	while (read(failure[0], &error, sizeof error) == -1 && errno == EINTR)
		;
	close(failure[0]);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return give_up(ctl, EX_OSERR, "cannot wait for ", command[0], errno);
	if (error)
		return give_up(ctl, error == ENOENT ? EX_NOCOMMAND : EX_NOEXEC, "cannot run ", command[0], error);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void ctl_command_set_version(uint64_t version)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRIu64, version);
	setenv("SEGREG_VERSION", text, 1);
	unsetenv("SEGREG_PATH");
}
