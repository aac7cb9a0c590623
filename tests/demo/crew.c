/*
 * crew.c - the demo's processes: starting, stopping and killing them.
 */
#include "crew.h"
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noreturn)) static void become_segregd(const struct crew *crew, struct worker *self)
{
	int log = open(crew->log, O_WRONLY | O_CREAT | O_APPEND, 0644);

	if (log != -1) {
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
	}
	execl(crew->segregd, "segregd", crew->registry, (char *)NULL);
	snprintf(self->failure, sizeof(self->failure), "cannot run %s: %s", crew->segregd, strerror(errno));
	_exit(EXIT_FAILURE);
}

__attribute__((noreturn)) static void become_worker(const struct crew *crew, struct worker *self)
{
	static void (*const run[ROLES])(struct job *) = {
		[ROLE_INGESTER] = ingester_run,
		[ROLE_COMPACTOR] = compactor_run,
		[ROLE_READER] = reader_run,
		[ROLE_WITNESS] = witness_run,
	};
	struct job job = { .registry = crew->registry, .crawl = crew->crawl, .tally = crew->tally, .self = self };

	job_open(&job);
	run[self->role](&job);
	job_check(&job, segreg_close(job.reg, NULL), "segreg_close");
	_exit(EXIT_SUCCESS);
}

struct worker *crew_start(struct crew *crew, enum role role)
{
	struct worker *worker = &crew->tally->worker[crew->tally->workers];
	pid_t director = getpid(), pid;

	if (crew->tally->workers == TALLY_WORKERS) {
		errno = EAGAIN;
		return NULL;
	}
	worker->role = role;
	worker->number = crew->tally->workers + 1;
	snprintf(worker->name, sizeof(worker->name), "%s-%u", role_name(role), worker->number);
	pid = fork();
	if (pid == -1)
		return NULL;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != director)
			_exit(EXIT_FAILURE);
		signal(SIGINT, SIG_IGN); /* the director ends us */
		signal(SIGTERM, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		if (role == ROLE_SEGREGD)
			become_segregd(crew, worker);
		become_worker(crew, worker);
	}
	worker->pid = pid;
	crew->tally->workers++;
	return worker;
}

struct worker *crew_find(struct crew *crew, enum role role)
{
	for (struct worker *w = crew->tally->worker; w < crew->tally->worker + crew->tally->workers; w++)
		if (w->pid && w->role == role)
			return w;
	return NULL;
}

/* Reap it if it has ended. */
static bool reap(struct worker *worker, int *status)
{
	if (!worker->pid || waitpid(worker->pid, status, WNOHANG) != worker->pid)
		return false;
	worker->pid = 0;
	return true;
}

void crew_pause(struct worker *worker)
{
	int status;

	kill(worker->pid, SIGSTOP);
	if (waitpid(worker->pid, &status, WUNTRACED) != worker->pid || !WIFSTOPPED(status))
		worker->pid = 0;
}

void crew_resume(struct worker *worker)
{
	if (worker->pid)
		kill(worker->pid, SIGCONT);
}

struct worker *crew_catch_holding(struct crew *crew, enum role role)
{
	struct worker *worker = crew_find(crew, role);

	for (int i = 0; worker && i < 30000; i++) {
		crew_pause(worker);
		if (!worker->pid)
			return NULL;
		if (worker->steady && worker->held)
			return worker;
		crew_resume(worker);
		job_nap(1);
	}
	return NULL;
}

void crew_kill(struct worker *worker)
{
	int status;

	if (!worker->pid)
		return;
	kill(worker->pid, SIGKILL);
	waitpid(worker->pid, &status, 0);
	worker->pid = 0;
}

/* segregd first, so that it does not see the others die and take their pins back before it dies itself. */
unsigned crew_kill_all(struct crew *crew, const struct worker *spared)
{
	struct worker *end = crew->tally->worker + crew->tally->workers;
	unsigned killed = 0;

	for (enum role role = 0; role < ROLES; role++)
		for (struct worker *w = crew->tally->worker; w < end; w++)
			if (w->pid && w->role == role && w != spared)
				kill(w->pid, SIGKILL);
	for (struct worker *w = crew->tally->worker; w < end; w++) {
		if (w->pid && w != spared) {
			crew_kill(w);
			killed++;
		}
	}
	return killed;
}

void crew_ask_to_stop(struct worker *worker)
{
	worker->asked_to_stop = true;
	if (worker->role == ROLE_SEGREGD)
		kill(worker->pid, SIGTERM);
}

bool crew_has_ended(struct worker *worker, bool *ok)
{
	int status;

	if (!reap(worker, &status))
		return false;
	*ok = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
	if (!*ok && !worker->failure[0])
		snprintf(worker->failure, sizeof(worker->failure), "it ended with %s %d",
			 WIFEXITED(status) ? "status" : "signal",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return true;
}

struct worker *crew_find_lost(struct crew *crew)
{
	bool ok;

	for (struct worker *w = crew->tally->worker; w < crew->tally->worker + crew->tally->workers; w++)
		if (w->pid && !w->asked_to_stop && crew_has_ended(w, &ok))
			return w;
	return NULL;
}
