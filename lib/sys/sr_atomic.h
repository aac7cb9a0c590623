/*
 * sr_atomic.h - atomic operations with their orderings in their names; the only file that includes atomic_ops.h.
 *
 * libatomic_ops calls its strongest operations "full", but where it builds them from compiler builtins a full
 * read-modify-write or store is only acquire-release. That is as good as sequentially consistent on x86, where a
 * locked instruction is a full barrier. Elsewhere the operations below add the fence, so that "seqcst" means it
 * everywhere: two threads that each write one word and then read the other's cannot both miss (the store-load case
 * that pins and the sweeper rely on).
 *
 * ThreadSanitizer does not know AO_nop_full's fence, so nothing here relies on a bare fence alone.
 *
 * Could an ordering be weaker? tests/weak explores the library with each use of one weakened alone. Of those that the promises
 * rest on it shows what goes wrong then. The others are harmless alone, for one of these reasons; tests/weak/cases has the reason
 * of each. Some are each other's reserve, so all stay as they are. P1 to P5, S1 to S3 and T1 to T3 are those of sr_pin.c and
 * sr_snapshot.c.
 *
 *      fenced  The own acquire or release of a read-modify-write with its fence behind it. What follows is ordered by that fence.
 *              What precedes need not be known by who reads it (a count, a cell, a page's bit and EVICTING begin something), or
 *              is made known by an earlier fence (what a version has: those of its words).
 *      last    The fence behind an unpin, a released cell, a publication, a state that a repair sets, S3, a decision that is taken
 *              back, a lane's state, lane_top, has_counts. Nothing is read after it that would have to be as new: behind the last three
 *              the fences of a page's bit and of P4 follow first. Who takes the table lock next is ordered by the lock. A repair
 *              frees no slot whose word could be pinned before it: that word's own S1 has been.
 *      behind  A load behind a fence (of P4, S1, T2, a version, a page's bit, EVICTING, an unpin), which makes it new enough. What it would
 *              acquire is known since the load that it repeats (P2 for P5, T1 for T3), or is made known by a fence before it is
 *              used (S3's for what S2 reads), or is nothing (a state, to decide whether to wake or to refuse).
 *      again   A load that is looked at again: by the compare-and-swap whose expected value it is, or T1 by T3, an id in the index
 *              by P3, a lane's epoch under the table lock. If it is old, that fails.
 *      word    A slot's id, born, retired, flags and path are stored between two stores of its word, each with its fence, and
 *              retired before the word and the version that make it matter. They are loaded between an acquire of the word (P2)
 *              and, behind a fence, that word again (P5, the second look of a walk): a newer one of them shows a newer word.
 *      lock    Stored, or loaded, or both, by who has the table lock, or the byte of a lane that is FREE; who has it not learns no more
 *              from it than that it changed.
 *      own     What only this handle's calls change while it holds what it asks about: its cells, its pages' bits, the generation
 *              of a slot that it has pinned.
 */
#ifndef SR_ATOMIC_H
#define SR_ATOMIC_H

#include <atomic_ops.h>
#include <stdbool.h>
#include <stdint.h>

_Static_assert(sizeof(unsigned) == 4 && sizeof(AO_t) == 8, "32-bit counts and 64-bit words need a 64-bit machine");

#if defined(__x86_64__)
#define SR_FENCE_AFTER_RMW() ((void)0)
#else
#define SR_FENCE_AFTER_RMW() AO_nop_full()
#endif

/* Loads before it are not moved after it. For validating copies of what may be changing; each is made of plain loads. */
static inline void sr_fence_loads(void)
{
#if defined(__SANITIZE_THREAD__)
	__asm__ __volatile__("" : : : "memory"); /* gcc refuses fences that ThreadSanitizer does not model */
#else
	AO_nop_read();
#endif
}

static inline uint32_t sr_load_acquire_u32(const uint32_t *p)
{
	return AO_int_load_acquire((const volatile unsigned *)p);
}

static inline void sr_store_release_u32(uint32_t *p, uint32_t value)
{
	AO_int_store_release((volatile unsigned *)p, value);
}

static inline const void *sr_load_acquire_ptr(const void *const *p)
{
	return (const void *)AO_load_acquire((const volatile AO_t *)(const volatile void *)p);
}

static inline void sr_store_release_ptr(const void **p, const void *value)
{
	AO_store_release((volatile AO_t *)(volatile void *)p, (AO_t)value);
}

static inline uint32_t sr_add_seqcst_u32(uint32_t *p, uint32_t value) /* returns what was there before */
{
	uint32_t before = AO_int_fetch_and_add_full((volatile unsigned *)p, value);

	SR_FENCE_AFTER_RMW();
	return before;
}

static inline bool sr_cas_seqcst_u32(uint32_t *p, uint32_t expected, uint32_t value)
{
	bool done = AO_int_compare_and_swap_full((volatile unsigned *)p, expected, value);

	SR_FENCE_AFTER_RMW();
	return done;
}

/*
 * Count up, and down. False if the count is then not positive, or negative: read as a signed number, as it is when
 * somebody counts what is not there. Where the processor's flags tell, nothing is fetched.
 */
#if defined(__x86_64__) && defined(__GCC_ASM_FLAG_OUTPUTS__) && !defined(__SANITIZE_THREAD__)
static inline bool sr_count_up_seqcst(uint32_t *p)
{
	bool positive;

	__asm__ __volatile__("lock addl $1, %0" : "+m"(*p), "=@ccg"(positive) : : "memory");
	return positive;
}

static inline bool sr_count_down_seqcst(uint32_t *p)
{
	bool positive;

	__asm__ __volatile__("lock subl $1, %0" : "+m"(*p), "=@ccns"(positive) : : "memory");
	return positive;
}
#else
static inline bool sr_count_up_seqcst(uint32_t *p)
{
	return (int32_t)(sr_add_seqcst_u32(p, 1) + 1) > 0;
}

static inline bool sr_count_down_seqcst(uint32_t *p)
{
	return (int32_t)(sr_add_seqcst_u32(p, UINT32_MAX) - 1) >= 0;
}
#endif

static inline uint8_t sr_load_relaxed_u8(const uint8_t *p)
{
	return AO_char_load(p);
}

static inline void sr_store_relaxed_u8(uint8_t *p, uint8_t value)
{
	AO_char_store(p, value);
}

static inline uint64_t sr_load_acquire_u64(const uint64_t *p)
{
	return AO_load_acquire((const volatile AO_t *)(const volatile void *)p);
}

static inline void sr_store_release_u64(uint64_t *p, uint64_t value)
{
	AO_store_release((volatile AO_t *)(volatile void *)p, value);
}

static inline uint64_t sr_add_seqcst_u64(uint64_t *p, uint64_t value)
{
	uint64_t before = AO_fetch_and_add_full((volatile AO_t *)(volatile void *)p, value);

	SR_FENCE_AFTER_RMW();
	return before;
}

static inline bool sr_cas_seqcst_u64(uint64_t *p, uint64_t expected, uint64_t value)
{
	bool done = AO_compare_and_swap_full((volatile AO_t *)(volatile void *)p, expected, value);

	SR_FENCE_AFTER_RMW();
	return done;
}

/* The sequentially consistent loads and stores are ordered after every seqcst operation that precedes them: a load needs
 * the fence that its predecessor already made (SR_FENCE_AFTER_RMW), a store makes its own. */
static inline uint64_t sr_load_seqcst_u64(const uint64_t *p)
{
	return AO_load_acquire((const volatile AO_t *)(const volatile void *)p);
}

static inline uint32_t sr_load_seqcst_u32(const uint32_t *p)
{
	return AO_int_load_acquire((const volatile unsigned *)p);
}

static inline void sr_store_seqcst_u64(uint64_t *p, uint64_t value)
{
	uint64_t before = sr_load_acquire_u64(p);

	while (!sr_cas_seqcst_u64(p, before, value))
		before = sr_load_acquire_u64(p);
}

static inline void sr_and_seqcst_u64(uint64_t *p, uint64_t bits)
{
	uint64_t before = sr_load_acquire_u64(p);

	while (!sr_cas_seqcst_u64(p, before, before & bits))
		before = sr_load_acquire_u64(p);
}

static inline void sr_or_seqcst_u64(uint64_t *p, uint64_t bits)
{
	uint64_t before = sr_load_acquire_u64(p);

	while (!sr_cas_seqcst_u64(p, before, before | bits))
		before = sr_load_acquire_u64(p);
}

#endif
