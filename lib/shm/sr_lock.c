/*
 * sr_lock.c - the two locks between processes, the order in which they are taken, and how a death of a holder is
 * noticed.
 */
#include "shm/sr_lock.h"
#include "sys/sr_assert.h"
#include "sys/sr_atomic.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

#define WAY_GIVEN 10000000 /* nanoseconds to give way to waiting threads, at most: they may be stopped or dead */

static const char *const lock_name[SR_LOCKS] = { [SR_LOCK_COMMIT] = "commit lock", [SR_LOCK_TABLE] = "table lock" };
static const off_t lock_byte[SR_LOCKS] = { [SR_LOCK_COMMIT] = SR_BYTE_COMMIT, [SR_LOCK_TABLE] = SR_BYTE_TABLE };

#if SR_TESTING
static __thread unsigned held_by_thread; /* one bit per lock, of any registry */
#define NOTE_TAKEN(id)                                                                                                 \
	do {                                                                                                           \
		sr_assert(held_by_thread < 1u << (id) && "locks are taken in the order of enum sr_lock_id");           \
		held_by_thread |= 1u << (id);                                                                          \
	} while (0)
#define NOTE_GIVEN(id) (held_by_thread &= ~(1u << (id)))
#define CLAIM_HELD(id) sr_assert(held_by_thread & 1u << (id))
#else
#define NOTE_TAKEN(id) ((void)0)
#define NOTE_GIVEN(id) ((void)0)
#define CLAIM_HELD(id) ((void)0)
#endif

bool sr_pidns(uint64_t *dev, uint64_t *ino)
{
	struct stat st;
	int fd = sr_sys_openat(AT_FDCWD, "/proc/self/ns/pid", O_RDONLY, 0);
	bool known;

	if (fd == -1)
		return false;
	known = sr_sys_fstat(fd, &st) == 0;
	sr_sys_close(fd);
	if (known) {
		*dev = st.st_dev;
		*ino = st.st_ino;
	}
	return known;
}

/* Make a robust mutex for several processes. Returns 0 or an errno. */
static int init_robust(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;
	int error = pthread_mutexattr_init(&attr);

	if (error)
		return error;
	error = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (!error)
		error = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (!error)
		error = pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return error;
}

int sr_lock_init_words(struct sr_lock_word *word)
{
	int error = 0;

	for (int id = 0; id < SR_LOCKS && !error; id++)
		error = init_robust(&word[id].mutex);
	return error;
}

void sr_locks_init(struct sr_locks *locks, struct sr_header *header, const struct sr_lockfile *file)
{
	pthread_mutex_t model;
	uint64_t dev, ino;

	locks->word = header->lock;
	locks->foreign =
		init_robust(&model) || !sr_pidns(&dev, &ino) || dev != header->pidns_dev || ino != header->pidns_ino;
	locks->kind = locks->foreign ? 0 : (uint32_t)model.__data.__kind;
	for (int id = 0; id < SR_LOCKS; id++) {
		pthread_mutex_init(&locks->local[id], NULL);
		locks->unmoved[id] = 0;
		locks->kept[id] = (struct sr_kept){
			.fd = -1,
			.dev = file->dev,
			.ino = file->ino,
			.flags = O_RDWR | O_NOFOLLOW,
			.path = file->path,
		};
	}
}

void sr_locks_destroy(struct sr_locks *locks)
{
	for (int id = 0; id < SR_LOCKS; id++) {
		sr_kept_close(&locks->kept[id]);
		pthread_mutex_destroy(&locks->local[id]);
	}
}

/* How long a thread waits for a lock, and whether it has counted itself in the lock's word. */
struct patience {
	const struct timespec *deadline; /* NULL: does not wait */
	bool has_asked;
};

static struct timespec deadline_after(uint32_t timeout_ms)
{
	int64_t at = sr_sys_monotonic() + (int64_t)timeout_ms * 1000000;

	return (struct timespec){ .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 };
}

static bool is_past(const struct timespec *deadline)
{
	return sr_sys_monotonic() >= (int64_t)deadline->tv_sec * 1000000000 + deadline->tv_nsec;
}

/* Lock mutex, waiting until deadline at most. Returns 0 or an errno; after EOWNERDEAD, too, the mutex is locked. */
static int lock_until(pthread_mutex_t *mutex, const struct timespec *deadline)
{
#if defined(__SANITIZE_THREAD__)
	/* ThreadSanitizer does not know pthread_mutex_clocklock, so we tell it what the call does. */
	int error, how = __tsan_mutex_try_lock;

	__tsan_mutex_pre_lock(mutex, how);
	error = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, deadline);
	if (error && error != EOWNERDEAD)
		how |= __tsan_mutex_try_lock_failed;
	__tsan_mutex_post_lock(mutex, how, 0);
	return error;
#else
	return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, deadline);
#endif
}

/* Note that this thread begins to wait for lock id. Returns false if it does not wait. */
static bool ask(struct sr_locks *locks, enum sr_lock_id id, struct patience *patience)
{
	if (!patience->deadline)
		return false;
	if (!patience->has_asked)
		sr_add_seqcst_u32(&locks->word[id].asked, 1);
	patience->has_asked = true;
	return true;
}

/* Note that this thread has the lock, or gives up. */
static void stop_asking(struct sr_locks *locks, enum sr_lock_id id, const struct patience *patience)
{
	if (!patience->has_asked)
		return;
	sr_add_seqcst_u32(&locks->word[id].served, 1);
	sr_sys_futex_wake(&locks->word[id].served, 1);
}

/*
 * Take the lock's byte. Returns 0 or an errno. Waits by polling, which is seldom necessary: only if the mutex above
 * does not exclude other processes, or its holder is just dying.
 */
static int take_byte(struct sr_locks *locks, enum sr_lock_id id, struct patience *patience)
{
	int fd = sr_kept_get(&locks->kept[id]);
	int64_t pause = 20000;

	if (fd == -1)
		return errno;
	while (sr_sys_lock(fd, F_WRLCK, lock_byte[id]) == -1) {
		if (errno != EAGAIN)
			return errno;
		if (!ask(locks, id, patience) || is_past(patience->deadline))
			return ETIMEDOUT;
		sr_sys_sleep(pause);
		if (pause < 1000000)
			pause *= 2;
	}
	return 0;
}

/*
 * glibc reads the kind of a mutex from the mutex itself, and ours lies in shared memory, where any process may have
 * overwritten it. For an elided or priority mutex glibc executes instructions or calls that can kill this process. So
 * we restore the kind before each use. Damage can then only change the order of waiters; the byte lock still gives
 * mutual exclusion.
 */
static void restore_kind(struct sr_locks *locks, enum sr_lock_id id)
{
	uint32_t *kind = (uint32_t *)&locks->word[id].mutex.__data.__kind;

	if (sr_load_acquire_u32(kind) != locks->kind)
		sr_store_release_u32(kind, locks->kind);
}

/* Take the robust mutex. Returns 0 or an errno. */
static int take_robust(struct sr_locks *locks, enum sr_lock_id id, struct patience *patience)
{
	pthread_mutex_t *mutex = &locks->word[id].mutex;
	int error;

	if (locks->foreign)
		return 0;
	restore_kind(locks, id);
	error = pthread_mutex_trylock(mutex);
	if (error == EBUSY && ask(locks, id, patience))
		error = lock_until(mutex, patience->deadline);
	if (error == EOWNERDEAD)
		error = pthread_mutex_consistent(mutex); /* the dirty word shows whether a repair is due */
	return error;
}

static void give_robust(struct sr_locks *locks, enum sr_lock_id id)
{
	if (locks->foreign)
		return;
	restore_kind(locks, id);
	pthread_mutex_unlock(&locks->word[id].mutex);
}

uint32_t sr_lock_owner(const struct sr_locks *locks, enum sr_lock_id id)
{
	return sr_load_acquire_u32(&locks->word[id].pid);
}

int sr_lock_timed_out(const struct sr_locks *locks, enum sr_lock_id id, uint32_t timeout_ms)
{
	return sr_fail(SEGREG_E_TIMEDOUT,
		       "waited %u ms for the %s, last taken by process %u; is that process stopped, or its disk slow?",
		       timeout_ms, lock_name[id], sr_lock_owner(locks, id));
}

static int fail_to_take(struct sr_locks *locks, enum sr_lock_id id, int error, uint32_t timeout_ms)
{
	if (error == ETIMEDOUT)
		return sr_lock_timed_out(locks, id, timeout_ms);
	if (error == ENOLCK || error == EINVAL || error == ENOTRECOVERABLE)
		return sr_fail_errno(error, "cannot take the %s in %s", lock_name[id], locks->kept[id].path);
	return sr_fail_kept(error, locks->kept[id].path);
}

/* Take the two lower layers. The caller holds the process's own mutex. Returns 0 or an errno. */
static int take_rest(struct sr_locks *locks, enum sr_lock_id id, struct patience *patience)
{
	int error = take_robust(locks, id, patience);

	if (error)
		return error;
	error = take_byte(locks, id, patience);
	if (error) {
		give_robust(locks, id);
		return error;
	}
	NOTE_TAKEN(id);
	sr_store_release_u32(&locks->word[id].pid, (uint32_t)getpid());
	return 0;
}

/* Take all three layers. Returns 0 or an errno. */
static int take(struct sr_locks *locks, enum sr_lock_id id, struct patience *patience)
{
	int error = pthread_mutex_trylock(&locks->local[id]);

	if (error == EBUSY && ask(locks, id, patience))
		error = lock_until(&locks->local[id], patience->deadline);
	if (error)
		return error;
	error = take_rest(locks, id, patience);
	if (error)
		pthread_mutex_unlock(&locks->local[id]);
	return error;
}

int sr_lock_take(struct sr_locks *locks, enum sr_lock_id id, uint32_t timeout_ms)
{
	struct timespec deadline = deadline_after(timeout_ms);
	struct patience patience = { .deadline = &deadline };
	int error = take(locks, id, &patience);

	stop_asking(locks, id, &patience);
	return error ? fail_to_take(locks, id, error, timeout_ms) : 0;
}

int sr_lock_try(struct sr_locks *locks, enum sr_lock_id id)
{
	struct patience none = { .deadline = NULL };
	int error = take(locks, id, &none);

	if (error == EBUSY || error == ETIMEDOUT)
		return SR_LOCK_BUSY;
	return error ? fail_to_take(locks, id, error, 0) : 0;
}

bool sr_lock_byte_is_taken(const struct sr_locks *locks, enum sr_lock_id id, off_t byte)
{
	return sr_sys_locked(locks->kept[id].fd, byte) != 0;
}

void sr_lock_give(struct sr_locks *locks, enum sr_lock_id id)
{
	NOTE_GIVEN(id);
	/* If the host closed the descriptor meanwhile, the byte is free already. */
	if (sr_fd_is(locks->kept[id].fd, locks->kept[id].dev, locks->kept[id].ino))
		sr_sys_lock(locks->kept[id].fd, F_UNLCK, lock_byte[id]);
	give_robust(locks, id);
	pthread_mutex_unlock(&locks->local[id]);
}

void sr_lock_yield(struct sr_locks *locks, enum sr_lock_id id)
{
	struct sr_lock_word *word = &locks->word[id];
	uint32_t asked = sr_load_seqcst_u32(&word->asked), served = sr_load_seqcst_u32(&word->served);
	int64_t left = WAY_GIVEN, end = asked == served ? 0 : sr_sys_monotonic() + left;
	int32_t waiting;

	while ((waiting = (int32_t)(asked - served)) > (int32_t)sr_load_acquire_u32(&locks->unmoved[id]) && left > 0) {
		struct timespec t = { .tv_nsec = left };

		sr_sys_futex_wait(&word->served, served, &t);
		served = sr_load_seqcst_u32(&word->served);
		left = end - sr_sys_monotonic();
	}
	sr_store_release_u32(&locks->unmoved[id], waiting > 0 ? (uint32_t)waiting : 0);
}

/* A damaged word counts as SR_DIRTY_SHOWN, which asks for the thorough repair. */
enum sr_dirt sr_lock_dirt(const struct sr_locks *locks, enum sr_lock_id id)
{
	uint32_t dirty = sr_load_acquire_u32(&locks->word[id].dirty);

	return dirty < SR_DIRTY_SHOWN ? (enum sr_dirt)dirty : SR_DIRTY_SHOWN;
}

/* Sequentially consistent: no process may see a change before the word is dirty. */
void sr_lock_set_dirty(struct sr_locks *locks, enum sr_lock_id id, enum sr_dirt dirt)
{
	enum sr_dirt had = sr_lock_dirt(locks, id);

	CLAIM_HELD(id);
	if (had < dirt)
		sr_add_seqcst_u32(&locks->word[id].dirty, (uint32_t)dirt - (uint32_t)had);
}

void sr_lock_set_clean(struct sr_locks *locks, enum sr_lock_id id)
{
	CLAIM_HELD(id);
	sr_store_release_u32(&locks->word[id].dirty, 0);
}

bool sr_locks_before_fork(struct sr_locks *locks)
{
	return pthread_mutex_trylock(&locks->local[SR_LOCK_COMMIT]) == 0;
}

void sr_locks_after_fork(struct sr_locks *locks)
{
	pthread_mutex_unlock(&locks->local[SR_LOCK_COMMIT]);
}
