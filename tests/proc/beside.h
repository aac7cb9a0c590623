/*
 * beside.h - a thread that stands in a call.
 */
#ifndef BESIDE_H
#define BESIDE_H

#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>

struct other {
	struct segreg_open_options options;
	const char *dir, *point;
	struct segreg *reg; /* closed, if there is one; otherwise opened */
	int fails_with;     /* errno that the thread's next question for the process's PID namespace gets; 0: it gets an
			       answer */
	pthread_t thread;
	sem_t stands, go;
	bool has_met;
	int rc;
};

static inline void wait_for(sem_t *sem)
{
	while (sem_wait(sem) == -1)
		T_EQ(errno, EINTR);
}

static inline void stand(void *arg, const char *point)
{
	struct other *other = arg;

	(void)point;
	other->has_met = true;
	sem_post(&other->stands);
	wait_for(&other->go);
	if (other->fails_with)
		t_fail_call("pread", 0, other->fails_with);
}

static inline void *live(void *arg)
{
	struct other *other = arg;

	t_at_point(other->point, 1, stand, other);
	if (other->reg)
		other->rc = segreg_close(other->reg, NULL);
	else
		other->rc = segreg_open(other->dir, &other->options, &other->reg);
	t_fail_call(NULL, 0, 0);
	t_at_point(NULL, 0, NULL, NULL);
	sem_post(&other->stands);
	return NULL;
}

/* Returns when the thread stands at the point. */
static inline void start_other(struct other *other)
{
	other->options.size = sizeof(other->options);
	T_SYS(sem_init(&other->stands, 0, 0));
	T_SYS(sem_init(&other->go, 0, 0));
	T_EQ(pthread_create(&other->thread, NULL, live, other), 0);
	wait_for(&other->stands);
	T_CHECK(other->has_met);
}

static inline void let_go(struct other *other)
{
	sem_post(&other->go);
}

static inline int join_other(struct other *other)
{
	T_EQ(pthread_join(other->thread, NULL), 0);
	return other->rc;
}

static inline void end_child(pid_t pid)
{
	int status;

	T_EQ(waitpid(pid, &status, 0), pid);
	T_EQ(status, 0);
}

#endif
