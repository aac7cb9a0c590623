/*
 * measures.c - measuring many segments at once.
 */
#include <pthread.h>

#include "common/measure.h"
#include "segctl/measures.h"

#define THREADS 8 /* more than some hosts have processors: on a cold cache they wait for the disk */
#define ALONE 64  /* so few segments are measured without threads */

struct share {
	int fd;
	const char *base;
	struct ctl_measure *measures;
	size_t n;
};

static void *measure(void *arg)
{
	const struct share *share = arg;

	for (size_t i = 0; i < share->n; i++) {
		struct ctl_measure *one = &share->measures[i];

		one->info.path = one->path;
		one->bytes = 0;
		one->is_measured = tool_measure_segment_at(share->fd, share->base, &one->info, &one->bytes);
	}
	return NULL;
}

void ctl_measures(int fd, const char *base, struct ctl_measure *measures, size_t n)
{
	struct share shares[THREADS];
	pthread_t threads[THREADS];
	bool runs[THREADS];
	size_t n_threads = n > ALONE ? THREADS : 1, begin = 0;

	for (size_t i = 0; i < n_threads; i++) {
		size_t end = n * (i + 1) / n_threads;

		shares[i] = (struct share){ .fd = fd, .base = base, .measures = measures + begin, .n = end - begin };
		begin = end;
		runs[i] = i && pthread_create(&threads[i], NULL, measure, &shares[i]) == 0;
	}
	for (size_t i = 0; i < n_threads; i++)
		if (!runs[i])
			measure(&shares[i]);
	for (size_t i = 0; i < n_threads; i++)
		if (runs[i])
			pthread_join(threads[i], NULL);
}
