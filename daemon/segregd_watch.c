/*
 * segregd_watch.c - segregd's watches on the processes that are attached.
 *
 * A pid is only a hint, and may be another process's by now. That does no harm as long as a sweep follows each renewal:
 * if the owner of a handle died before its pidfd was opened, the sweep finds its lock free, and that is what counts.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "segregd.h"

/* The source is switched off once the process is dead. */
struct watch {
	int64_t pid; /* by which they are sorted */
	sd_event_source *source;
};

/* The processes attached, each as often as it has handles. */
struct census {
	int64_t *pids;
	size_t n, room;
	size_t n_foreign;
};

static int count_lane(void *arg, const struct segreg_holder *holder)
{
	struct census *census = arg;

	if (holder->is_foreign) {
		census->n_foreign++;
		return 0;
	}
	if (holder->pid == getpid())
		return 0;
	if (census->n == census->room) {
		size_t room = census->room ? 2 * census->room : 64;
		int64_t *pids = reallocarray(census->pids, room, sizeof *pids);

		if (!pids)
			return SEGREG_E_NOMEM;
		census->pids = pids;
		census->room = room;
	}
	census->pids[census->n++] = holder->pid;
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static struct watch *find(const struct watches *watches, int64_t pid)
{
	if (!watches->n)
		return NULL;
	return bsearch(&pid, watches->items, watches->n, sizeof *watches->items, compare_pids);
}

/* Returns 0; ESRCH: it is dead already; another errno. */
static int begin(const struct watches *watches, struct watch *watch)
{
	struct pollfd death = { .fd = pidfd_open((pid_t)watch->pid, 0), .events = POLLIN };
	int rc = -ESRCH;

	if (death.fd == -1)
		return errno;
	if (!poll(&death, 1, 0))
		rc = sd_event_add_io(watches->event, &watch->source, death.fd, EPOLLIN, watches->on_death, watches->arg);
	if (rc < 0) {
		close(death.fd);
		return -rc;
	}
	sd_event_source_set_io_fd_own(watch->source, true);
	sd_event_source_set_enabled(watch->source, SD_EVENT_ONESHOT);
	return 0;
}

/* Keep the watch on pid if there is one and it lives; begin one otherwise. */
static void renew(struct watches *watches, int64_t pid, struct watch *renewed, size_t *n)
{
	struct watch *old = find(watches, pid), watch = { .pid = pid };
	int error;

	if (old && sd_event_source_get_enabled(old->source, NULL) > 0) {
		renewed[(*n)++] = *old;
		old->source = NULL;
		return;
	}
	error = *n < watches->max ? begin(watches, &watch) : EMFILE;
	if (!error)
		renewed[(*n)++] = watch;
	else if (error == ESRCH)
		watches->n_dying++;
	else
		watches->n_unwatched++;
}

static int renew_all(struct watches *watches, const struct census *census)
{
	struct watch *renewed = calloc(census->n + 1, sizeof *renewed);
	size_t n = 0;

	if (!renewed)
		return SEGREG_E_NOMEM;
	watches->n_dying = 0;
	watches->n_unwatched = census->n_foreign;
	for (size_t i = 0; i < census->n; i++)
		if (!i || census->pids[i] != census->pids[i - 1])
			renew(watches, census->pids[i], renewed, &n);
	watches_drop(watches);
	watches->items = renewed;
	watches->n = n;
	return 0;
}

int watches_renew(struct watches *watches, struct segreg *reg)
{
	struct census census = { .n = 0 };
	int code = segreg_lanes(reg, count_lane, &census);

	if (!code && census.n)
		qsort(census.pids, census.n, sizeof *census.pids, compare_pids);
	if (!code)
		code = renew_all(watches, &census);
	free(census.pids);
	return code;
}

void watches_drop(struct watches *watches)
{
	for (size_t i = 0; i < watches->n; i++)
		sd_event_source_disable_unref(watches->items[i].source);
	free(watches->items);
	watches->items = NULL;
	watches->n = 0;
}
