/*
 * sr_atomic.h - atomic operations with their orderings in their names. No other file includes atomic_ops.h.
 *
 * libatomic_ops calls its strongest operations "full". Where it builds them from compiler builtins, a full
 * read-modify-write or store is only acquire-release. On x86 that is as good as sequentially consistent, because a
 * locked instruction is a full barrier. On other machines the operations below add the fence. So "seqcst" means the
 * same everywhere. If two threads each write one word and then read the other's word, at least one of them sees the
 * other's write. Pins and the sweeper rely on that order of a store before a load.
 *
 * ThreadSanitizer does not know the fence of AO_nop_full, so no code relies on a bare fence alone.
 *
 * Could an ordering be weaker? tests/weak weakens one use of an ordering at a time and explores the library each time.
 * For each use that a promise rests on, tests/weak shows what goes wrong. Every other use is harmless when it alone is
 * weakened, for one of the reasons below. tests/weak/cases names the reason for each use. Some of these uses replace
 * each other, so all of them keep their strength. P1 to P5 and S1 to S3 are the steps in sr_pin.c, T1 to T3 the steps
 * in sr_snapshot.c.
 *
 *      fenced  The acquire or the release of a read-modify-write that has a fence behind it. The fence orders all
 *              accesses that follow. The accesses before it need no order in two cases. Either no reader depends on
 *              them, because the write begins something: a count, a cell, a page's bit, EVICTING. Or earlier fences
 *              order them: those of a version's words order what the version contains.
 *      last    The fence behind an unpin, a released cell, a publication, a state that a repair sets, S3, a decision
 *              that is taken back, a lane's state, lane_top, or has_counts. The thread reads nothing behind the fence
 *              that has to be as new as its store: behind the last three, the fences of a page's bit and of P4 follow
 *              first. The table lock orders the store for the next holder of the lock. A repair frees no slot whose
 *              word could be pinned before the repair: that word has already been through its own S1.
 *      behind  A load behind a fence (of P4, S1, T2, a version, a page's bit, EVICTING, an unpin). The fence makes the
 *              load new enough. Its acquire is not needed for one of three reasons. An earlier load of the same word
 *              has acquired the same (P2 for P5, T1 for T3). Or a fence comes before the use (the fence of S3, for what
 *              S2 reads). Or there is nothing to acquire (a state that decides whether to wake or to refuse).
 *      again   A load that a later step checks. A compare-and-swap checks the value that it expects, T3 checks T1, P3
 *              checks an id in the index, and a look under the table lock checks a lane's epoch. If the loaded value is
 *              old, that check fails.
 *      word    Writers store a slot's id, born, retired, flags and path between two stores of the slot's word, each
 *              with its fence. They store retired before the word and the version that make it matter. Readers load
 *              these fields between two loads of the word. The first load is an acquire (P2). The second is behind a
 *              fence (P5, or the second look of a walk). If a field is newer than the first load, the second load
 *              returns a newer word.
 *      lock    At least one side, the store or the load, runs under the table lock, or under the byte of a lane that is
 *              FREE. Code without the lock only learns that the value changed.
 *      own     Data that only this handle's calls change while the handle holds what the data is about: its cells, its
 *              pages' bits, the generation of a slot that it has pinned.
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

/*
 * A load before this fence stays before it. A reader that has copied changing data with plain loads calls this before
 * it validates the copy.
 */
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

static inline uint32_t sr_add_seqcst_u32(uint32_t *p, uint32_t value) /* returns the value before */
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
 * Add 1, or subtract 1. Read the result as signed: sr_count_up_seqcst returns false if it is <= 0, sr_count_down_seqcst
 * if it is < 0. False means that the count overflowed, that a caller released a pin that was not held, or that the lane
 * is evicted. On x86-64 the processor's flags give the answer, so the value is not fetched.
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
	bool not_negative;

	__asm__ __volatile__("lock subl $1, %0" : "+m"(*p), "=@ccns"(not_negative) : : "memory");
	return not_negative;
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

/*
 * These sequentially consistent loads and stores come after every seqcst operation that precedes them. A load needs no
 * fence of its own, because the operation before it has made one (SR_FENCE_AFTER_RMW). A store makes its own fence.
 */
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
