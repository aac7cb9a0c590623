/*
 * mutex.c - counts in shared memory: under a robust mutex, which says when its owner died, but not whose counts are left
 * over; and one bare atomic count, which is wrong for good after the first death. Neither looks anything up: a use has its count
 * at hand.
 */
#include "peer.h"

#include <pthread.h>
#include <sys/mman.h>

struct shared {
	pthread_mutex_t mutex;
	uint64_t count __attribute__((aligned(128)));
};

static void *start(const struct peer_ids *ids)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;

	(void)ids;
	if (shared == MAP_FAILED)
		bench_fail("mmap");
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&shared->mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return shared;
}

static void stop(void *state)
{
	munmap(state, sizeof(struct shared));
}

static void add(struct shared *shared, uint64_t n)
{
	if (pthread_mutex_lock(&shared->mutex))
		bench_fail("pthread_mutex_lock");
	shared->count += n;
	pthread_mutex_unlock(&shared->mutex);
}

static void use_mutex(void *state, const struct peer_ids *ids, size_t count)
{
	(void)ids;
	for (size_t i = 0; i < count; i++) {
		add(state, 1);
		add(state, UINT64_MAX);
	}
}

static void use_count(void *state, const struct peer_ids *ids, size_t count)
{
	struct shared *shared = state;

	(void)ids;
	for (size_t i = 0; i < count; i++) {
		__atomic_fetch_add(&shared->count, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_sub(&shared->count, 1, __ATOMIC_SEQ_CST);
	}
}

const struct peer peer_mutex = { "robust mutex around shared counts", start, use_mutex, stop, NULL };
const struct peer peer_shared_count = { "one shared atomic count", start, use_count, stop, NULL };
