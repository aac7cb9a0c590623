/*
 * verb_hold.c - segctl pin, segctl hold: run a command while segments stay, in the manner of flock(1).
 *
 * The command finds what is held in its environment: SEGREG_PATH, the absolute path of the first segment, and
 * SEGREG_VERSION. It is a child of segctl, which holds until it ends. Whatever ends segctl, kill -9 included, gives
 * everything back, and sends the command SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "segctl/ctl.h"

#define EX_NOEXEC 126 /* as shells say it */
#define EX_NOCOMMAND 127

/* A terminal sends its signals to the command as well, which decides; we hold as long as it runs. */
static void ignore(int signal)
{
	(void)signal;
}

/* In the child. Why the command does not run is told by the parent, which holds nothing then: the reader of stderr may be stopped. */
__attribute__((noreturn))
static void become(char **command, pid_t holder, int failure)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* without us nothing is held any more */
	if (getppid() != holder) /* killed before it could be asked for */
		_exit(128 + SIGTERM);
	execvp(command[0], command);
	if (write(failure, &errno, sizeof errno) == -1)
		_exit(EX_NOEXEC);
	_exit(errno == ENOENT ? EX_NOCOMMAND : EX_NOEXEC);
}

/* The command has not been run, for that errno: nothing is to be held any longer. */
static int give_up(struct ctl *ctl, int status, const char *what, const char *command, int error)
{
	segreg_close(ctl->reg, NULL);
	ctl->reg = NULL;
	return ctl_error(ctl, status, "%s%s: %s", what, command, strerror(error));
}

/* Run the command and become its exit status. */
static int run(struct ctl *ctl, char **command)
{
	struct sigaction stay = { .sa_handler = ignore, .sa_flags = SA_RESTART }, was_int, was_quit;
	pid_t pid, holder = getpid();
	int failure[2], status, error = 0;

	if (pipe2(failure, O_CLOEXEC) == -1)
		return give_up(ctl, EX_OSERR, "cannot make a pipe", "", errno);
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

static void tell_version(uint64_t version)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRIu64, version);
	setenv("SEGREG_VERSION", text, 1);
	unsetenv("SEGREG_PATH");
}

/* ------------------------------------------------------------------ pin */

/* The operands before the command: segctl pin ID... -- COMMAND... getopt has taken the "--" only if it stood first. */
static int count_ids(const struct ctl *ctl)
{
	int n = 0;

	while (n < ctl->n_operands && strcmp(ctl->operand[n], "--"))
		n++;
	return n;
}

static int pin_and_run(struct ctl *ctl, int n, struct segreg_pin *pins, uint64_t *ids)
{
	unsigned flags = ctl->option['l'] ? SEGREG_PIN_LIVE : 0;
	char path[SEGREG_PATH_SIZE];
	uint64_t version;
	int code;

	for (int i = 0; i < n; i++)
		if (!ctl_parse_id(ctl, ctl->operand[i], &ids[i]))
			return EX_USAGE;
	code = segreg_pin_many(ctl->reg, ids, (size_t)n, flags, pins);
	if (!code)
		code = segreg_version(ctl->reg, &version);
	if (!code)
		code = segreg_pin_path(ctl->reg, &pins[0], path, sizeof path);
	if (code)
		return ctl_fail(ctl, code);
	tell_version(version);
	setenv("SEGREG_PATH", path, 1);
	return run(ctl, ctl->operand + n + 1);
}

static int exec_pin(struct ctl *ctl)
{
	int n = count_ids(ctl), status;
	struct segreg_pin *pins;
	uint64_t *ids;

	if (!n || n + 1 >= ctl->n_operands)
		return ctl_usage(ctl, "ID... -- COMMAND... expected");
	pins = calloc((size_t)n, sizeof *pins);
	ids = calloc((size_t)n, sizeof *ids);
	status = pins && ids ? pin_and_run(ctl, n, pins, ids) : ctl_error(ctl, EX_OSERR, "no memory for %d pins", n);
	free(pins);
	free(ids);
	return status;
}

static const struct ctl_option pin_options[] = {
	{ 'l', "live", NULL, "refuse a segment that is retired already" },
	{ 0 },
};

const struct ctl_verb ctl_pin = {
	.name = "pin",
	.operands = "ID... -- COMMAND...",
	.help = "Run a command while segments are pinned",
	.min = 1,
	.max = -1,
	.flags = CTL_COMMAND,
	.options = pin_options,
	.exec = exec_pin,
};

/* ------------------------------------------------------------------ hold */

static int exec_hold(struct ctl *ctl)
{
	char **command = ctl->operand;
	struct segreg_snapshot held;
	int code;

	if (!strcmp(command[0], "--"))
		command++;
	if (!*command)
		return ctl_usage(ctl, "COMMAND... expected");
	code = segreg_snapshot_take(ctl->reg, ctl->option['s'] ? SEGREG_SNAPSHOT : SEGREG_HORIZON, &held);
	if (code)
		return ctl_fail(ctl, code);
	tell_version(held.version);
	return run(ctl, command);
}

static const struct ctl_option hold_options[] = {
	{ 's', "snapshot", NULL, "hold the segments of this version only, not later ones" },
	{ 0 },
};

const struct ctl_verb ctl_hold = {
	.name = "hold",
	.operands = "[--] COMMAND...",
	.help = "Run a command while nothing retired from now on is deleted",
	.min = 1,
	.max = -1,
	.flags = CTL_COMMAND,
	.options = hold_options,
	.exec = exec_hold,
};
