/*
 * mutex.c - counts in shared memory.
 *
 * One peer has a table of counts under a robust mutex. The mutex reports that its owner died, but not which counts that
 * owner left over. The other peer has one atomic count, which is wrong forever after the first death. It looks no id
 * up.
 */
#include "common/fail.h"
#include "peers/peer.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

struct count {
	uint64_t id, pins;
};

struct shared {
	pthread_mutex_t mutex;
	uint64_t one __attribute__((aligned(128)));
	size_t mask;
	struct count counts[]; /* linear probing, at most half full; id 0: empty */
};

static size_t size_of(size_t entries)
{
	return sizeof(struct shared) + entries * sizeof(struct count);
}

static inline struct count *find(struct shared *shared, uint64_t id)
{
	size_t at = (size_t)((id ^ id >> 32) * 0x9e3779b97f4a7c15ull >> 32) & shared->mask;

	while (shared->counts[at].id && shared->counts[at].id != id)
		at = (at + 1) & shared->mask;
	return &shared->counts[at];
}

static void *start(const struct peer_ids *ids)
{
	pthread_mutexattr_t attr;
	struct shared *shared;
	size_t entries = 16;

	while (entries < 2 * ids->n)
		entries *= 2;
	shared = mmap(NULL, size_of(entries), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("mmap");
	shared->mask = entries - 1;
	for (size_t i = 0; i < ids->n; i++)
		find(shared, ids->known[i])->id = ids->known[i];
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&shared->mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return shared;
}

static void stop(void *state)
{
	struct shared *shared = state;

	munmap(shared, size_of(shared->mask + 1));
}

static void lock(struct shared *shared)
{
	int rc = pthread_mutex_lock(&shared->mutex);

	if (rc == EOWNERDEAD)
		pthread_mutex_consistent(&shared->mutex);
	else if (rc)
		fail("pthread_mutex_lock");
}

/* A holder remembers the place of its count, so letting go needs no look-up. */
static void use_mutex(void *state, const struct peer_ids *ids, size_t count)
{
	struct shared *shared = state;

	for (size_t i = 0; i < count; i++) {
		struct count *held;

		lock(shared);
		held = find(shared, ids->ids[i & ids->mask]);
		held->pins++;
		pthread_mutex_unlock(&shared->mutex);
		lock(shared);
		held->pins--;
		pthread_mutex_unlock(&shared->mutex);
	}
}

static void use_count(void *state, const struct peer_ids *ids, size_t count)
{
	struct shared *shared = state;

	(void)ids;
	for (size_t i = 0; i < count; i++) {
		__atomic_fetch_add(&shared->one, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_sub(&shared->one, 1, __ATOMIC_SEQ_CST);
	}
}

const struct peer peer_mutex = { "robust mutex around shared counts", start, use_mutex, stop, NULL };
const struct peer peer_shared_count = { "one shared atomic count", start, use_count, stop, NULL };
