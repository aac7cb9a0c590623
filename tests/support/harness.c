/*
 * harness.c - suites and checks. Each test runs in a process of its own.
 */
#include "harness.h"
#include "sys/sr_error.h"
#include "sys/sr_sys.h"
#include "world.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_FAILED 1

struct t_outcome *t_outcome;

static struct t_suite *first_suite, **last_suite = &first_suite;

void t_suite_add(struct t_suite *suite)
{
	*last_suite = suite;
	last_suite = &suite->next;
}

struct t_suite *t_suites(void)
{
	return first_suite;
}

/* ---------------------------------------------------------------- how a test ends */

static void (*at_end[8])(void);
static unsigned at_end_count;

void t_at_end(void (*fn)(void))
{
	if (at_end_count == sizeof(at_end) / sizeof(at_end[0]))
		T_FAIL("too many functions to call at the end");
	at_end[at_end_count++] = fn;
}

/* The first word stands: what a test says after its failure is a consequence. */
static bool claim_outcome(void)
{
	return __atomic_exchange_n(&t_outcome->claimed, 1, __ATOMIC_ACQ_REL) == 0;
}

void t_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	if (claim_outcome()) {
		t_outcome->line = line;
		snprintf(t_outcome->file, sizeof(t_outcome->file), "%s", file);
		va_start(args, format);
		vsnprintf(t_outcome->text, sizeof(t_outcome->text), format, args);
		va_end(args);
	}
	_exit(EXIT_FAILED);
}

void t_skip(const char *format, ...)
{
	va_list args;

	if (!claim_outcome())
		_exit(EXIT_FAILED);
	va_start(args, format);
	vsnprintf(t_outcome->text, sizeof(t_outcome->text), format, args);
	va_end(args);
	t_outcome->skipped = true;
	_exit(0);
}

/* ---------------------------------------------------------------- checks */

static void count_check(void)
{
	__atomic_fetch_add(&t_outcome->checks, 1, __ATOMIC_RELAXED);
}

void t_check(const char *file, int line, bool holds, const char *claim)
{
	if (!holds)
		t_fail(file, line, "%s; last error: %s", claim, t_last_text());
	count_check();
}

void t_equal(const char *file, int line, const char *what, intmax_t actual, intmax_t expected)
{
	if (actual != expected)
		t_fail(file, line, "%s is %jd, not %jd; last error: %s", what, actual, expected, t_last_text());
	count_check();
}

void t_text(const char *file, int line, const char *what, const char *actual, const char *expected)
{
	if (strcmp(actual, expected) != 0)
		t_fail(file, line, "%s is \"%s\", not \"%s\"", what, actual, expected);
	count_check();
}

void t_text_has(const char *file, int line, const char *what, const char *text, const char *part)
{
	if (!strstr(text, part))
		t_fail(file, line, "%s is \"%s\" and does not have \"%s\"", what, text, part);
	count_check();
}

int t_system(const char *file, int line, const char *what, int result)
{
	if (result == -1)
		t_fail(file, line, "%s: %s", what, strerror(errno));
	count_check();
	return result;
}

void t_result(const char *file, int line, const char *what, int expected, int result)
{
	if (result != expected)
		t_fail(file, line, "%s gives %d (%s), not %d (%s); last error: %s", what, result,
		       segreg_strerror(result), expected, segreg_strerror(expected), t_last_text());
	if (result < 0 && !*t_last_text())
		t_fail(file, line, "%s fails without a text", what);
	count_check();
}

static __thread char peer_text[1024];

const char *t_last_text(void)
{
	return *peer_text ? peer_text : segreg_last_error();
}

void t_forget_text(void)
{
	peer_text[0] = '\0';
	sr_fail(0, "%s", "");
}

void t_peer_text(const char *text)
{
	snprintf(peer_text, sizeof(peer_text), "%s", text);
}

/* ---------------------------------------------------------------- stop points and failing calls */

static __thread struct {
	const char *point;
	unsigned nth;
	void (*fn)(void *arg, const char *point);
	void *arg;
} stop;

static __thread struct {
	const char *call;
	unsigned nth;
	bool once; /* rather than each time */
	int errnum;
	unsigned failed;
} failing;

static void come_to_point(const char *point)
{
	void (*fn)(void *arg, const char *point) = stop.fn;

	if (!fn || (stop.point && strcmp(stop.point, point) != 0) || --stop.nth > 0)
		return;
	stop.fn = NULL;
	fn(stop.arg, point);
}

static int come_to_call(const char *call)
{
	if (!failing.call || strcmp(failing.call, call) != 0)
		return 0;
	if (failing.nth && --failing.nth > 0)
		return 0;
	failing.failed++;
	if (failing.once)
		failing.call = NULL;
	return failing.errnum;
}

void t_at_point(const char *point, unsigned nth, void (*fn)(void *arg, const char *point), void *arg)
{
	stop.point = point;
	stop.nth = nth;
	stop.fn = fn;
	stop.arg = arg;
}

void t_fail_call(const char *call, unsigned nth, int errnum)
{
	failing.call = call;
	failing.nth = nth;
	failing.once = nth > 0;
	failing.errnum = errnum;
	failing.failed = 0;
}

unsigned t_failed_calls(void)
{
	return failing.failed;
}

/* ---------------------------------------------------------------- a process for each test */

void t_allow_seconds(unsigned seconds)
{
	const char *patience = getenv("T_PATIENCE");

	alarm((seconds > T_SECONDS ? seconds : T_SECONDS) * (patience ? (unsigned)atoi(patience) : 1));
}

/* A signal that ends the runner ends the test first, so that its worlds go. */
static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
#define ENDING (sizeof(ending) / sizeof(ending[0]))
static struct sigaction before[ENDING];
static volatile sig_atomic_t ended_by;
static volatile pid_t current;

static void on_ending(int sig)
{
	ended_by = sig;
	if (current > 0)
		kill(current, SIGKILL);
}

static void watch_endings(void)
{
	struct sigaction action = { .sa_handler = on_ending };

	for (size_t i = 0; i < ENDING; i++)
		if (sigaction(ending[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
			sigaction(ending[i], &action, NULL);
}

static void unwatch_endings(void)
{
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], &before[i], NULL);
}

static void run_here(void (*fn)(void))
{
	unwatch_endings();
	sr_stop_hook = come_to_point;
	sr_sys_hook = come_to_call;
	t_allow_seconds(T_SECONDS);
	fn();
	while (at_end_count)
		at_end[--at_end_count]();
	exit(0); /* and not _exit: sanitizers look for leaks on the way out */
}

static void judge(int status)
{
	if (t_outcome->claimed || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return;
	t_outcome->claimed = 1;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(t_outcome->text, sizeof(t_outcome->text), "took too long: something waits for good");
	else if (WIFSIGNALED(status))
		snprintf(t_outcome->text, sizeof(t_outcome->text), "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(t_outcome->text, sizeof(t_outcome->text), "exited with status %d (a sanitizer's report?)",
			 WEXITSTATUS(status));
}

void t_run_isolated(void (*fn)(void))
{
	pid_t pid;
	int status;

	memset(t_outcome, 0, sizeof(*t_outcome));
	fflush(NULL);
	watch_endings();
	current = pid = fork();
	if (pid == 0)
		run_here(fn);
	if (ended_by && pid > 0)
		kill(pid, SIGKILL); /* the signal came before current was set */
	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	current = 0;
	if (pid > 0)
		judge(status);
	else
		snprintf(t_outcome->text, sizeof(t_outcome->text), "cannot fork: %s", strerror(errno));
	t_outcome->claimed |= pid < 0;
	for (uint32_t i = 0; i < t_outcome->worlds; i++)
		t_remove_world(t_outcome->world[i]);
	unwatch_endings();
	if (ended_by)
		raise(ended_by);
}
