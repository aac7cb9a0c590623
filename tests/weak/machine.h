/*
 * machine.h - shared memory as C11 allows it to be, for scenarios: machine.cc. All runs are explored: search.cc.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum m_order { M_RELAXED = 0, M_ACQUIRE = 1, M_RELEASE = 2, M_ACQ_REL = 3, M_FULL = 4 };

/* What lib/sys/sr_atomic.h's operations become (atomic_ops.h). size: bytes. */
uint64_t m_load(const volatile void *at, unsigned size, enum m_order order);
void m_store(volatile void *at, unsigned size, uint64_t value, enum m_order order);
uint64_t m_add(volatile void *at, unsigned size, uint64_t value, enum m_order order);
bool m_cas(volatile void *at, unsigned size, uint64_t expected, uint64_t value, enum m_order order);
void m_fence(enum m_order order);

/* Locks that order as a mutex does: one that is waited for (M_TABLE), and others. m_try: false if a thread has it. */
#define M_TABLE 0u
#define M_LOCKS 4u
void m_lock(unsigned lock);
bool m_try(unsigned lock);
bool m_is_locked(unsigned lock);
void m_unlock(unsigned lock);
/* Have that thread hold it from the start. */
void m_hold(unsigned lock, unsigned thread);

/* memcpy and memset for words that others may read meanwhile: words with names are relaxed loads and stores. */
void *m_copy(void *to, const void *from, unsigned long size);
void *m_fill(void *to, int byte, unsigned long size);

/* For checks of scenarios: what was written last, and whether this thread has come to know it. */
uint64_t m_latest(const volatile void *at, unsigned size);
bool m_knows(const volatile void *at, unsigned size);

/* End this run with a violation unless condition holds. */
void m_check(bool condition, const char *what);

/* What a scenario consists of. */
struct m_scenario {
	const char *name;
	void (*reset)(void); /* everything as at the start; called before each run */
	unsigned n_threads;
	void (*thread[3])(void);
	/* bits of threads that may die at any step but with M_TABLE; their death or their end gives their locks back */
	unsigned mortal;
	void (*end)(void); /* after all threads; may be NULL */
};
extern const struct m_scenario scenario;

/* Its memory: words with names for reports; what one thread alone uses, so that it needs no steps. */
void m_name(const volatile void *at, unsigned size, const char *name);
void m_private(const volatile void *at, unsigned long size);

#ifdef __cplusplus
}
#endif
#endif
