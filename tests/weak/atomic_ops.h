/*
 * atomic_ops.h - in the place of libatomic_ops, for lib/sys/sr_atomic.h: each operation is a step of the machine.
 *
 * A full read-modify-write is an acquire-release one and then a fence, as sr_atomic.h builds it where the processor
 * does not make it so. So each of the two can be weakened alone.
 */
#ifndef WEAK_ATOMIC_OPS_H
#define WEAK_ATOMIC_OPS_H

#include "machine.h"

#include <stddef.h>

#undef __GCC_ASM_FLAG_OUTPUTS__ /* sr_atomic.h: no instructions of this processor's */

typedef size_t AO_t;

#define AO_load_acquire(p) m_load(p, 8, M_ACQUIRE)
#define AO_int_load_acquire(p) ((unsigned)m_load(p, 4, M_ACQUIRE))
#define AO_char_load(p) ((unsigned char)m_load(p, 1, M_RELAXED))
#define AO_store_release(p, value) m_store(p, 8, value, M_RELEASE)
#define AO_int_store_release(p, value) m_store(p, 4, value, M_RELEASE)
#define AO_char_store(p, value) m_store(p, 1, value, M_RELAXED)
#define AO_nop_full() m_fence(M_FULL)
#define AO_nop_read() m_fence(M_ACQUIRE)

static inline __attribute__((always_inline)) AO_t AO_fetch_and_add_full(volatile AO_t *p, AO_t value)
{
	AO_t before = m_add(p, 8, value, M_ACQ_REL);

	m_fence(M_FULL);
	return before;
}

static inline __attribute__((always_inline)) unsigned AO_int_fetch_and_add_full(volatile unsigned *p, unsigned value)
{
	unsigned before = (unsigned)m_add(p, 4, value, M_ACQ_REL);

	m_fence(M_FULL);
	return before;
}

static inline __attribute__((always_inline)) int AO_compare_and_swap_full(volatile AO_t *p, AO_t expected, AO_t value)
{
	bool done = m_cas(p, 8, expected, value, M_ACQ_REL);

	m_fence(M_FULL);
	return done;
}

static inline __attribute__((always_inline)) int AO_int_compare_and_swap_full(volatile unsigned *p, unsigned expected,
									      unsigned value)
{
	bool done = m_cas(p, 4, expected, value, M_ACQ_REL);

	m_fence(M_FULL);
	return done;
}

#endif
