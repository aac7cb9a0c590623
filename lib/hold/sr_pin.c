/*
 * sr_pin.c - pinning and unpinning.
 *
 * A pin is one count in this handle's lane. The fast way takes no lock and makes no system call:
 *
 *      pin                                             sweeper, holding the table lock
 *      P1  slot = index[id]                            S1  word: PENDING -> DECIDING
 *      P2  read the slot's word                        S2  read counts[slot] of all lanes
 *      P3  read the slot's id: the right one           S3  if all are 0, DECIDING -> DELETING by compare-and-swap,
 *      P4  counts[slot] += 1                               else DECIDING -> PENDING
 *      P5  read the word once more
 *          LIVE or PENDING                             pinned
 *          DECIDING                                    P6
 *          anything else, or another generation        counts[slot] -= 1, and the slow way
 *      P6  DECIDING -> PENDING by compare-and-swap     pinned; if that fails, P5 again
 *
 * Why a pinned segment is not deleted. P4, P5, P6, S1, S2 and S3 are sequentially consistent.
 *
 *      1. P5 reads LIVE or PENDING. Take the sweep whose S1 comes next after P5. P4 precedes P5, so P4 precedes its S2.
 *         Its S2 sees the count, and its S3 keeps the segment. A sweep whose S1 came before P5 does not delete the
 *         segment either. Its S3 has kept it, or a P6 has made the word PENDING, so that its S3 fails.
 *      2. P6 succeeds. The S3 of the sweep that was deciding finds PENDING and fails. For the next sweep P4 precedes
 *         S1, as in 1.
 *      3. P5 reads DELETING, or P6 finds it. The pin lowers its count again and asks under the table lock.
 *      4. S2 may see the count of a pin that then lowers it again. The segment then stays until the next sweep, and the
 *         pin wakes the sweeper.
 *      5. The slot may be reused for another segment after P1. P3 or P5 detects this. Reuse writes FREE with the next
 *         generation, then the id, then the state. So if P2 and P5 read equal generations, the slot served one segment
 *         throughout, and the id that P3 read belongs to it. After P4 the slot is not reused, because reuse needs a
 *         count of 0 in every lane. If it was reused before P4, our count sits on the wrong segment for a moment. That
 *         only delays the wrong segment's deletion, as in 4.
 *      6. P2 precedes P3. In the other order the slot could be reused between the two. Then the old id and the new word
 *         would both pass.
 *
 * A decision makes no pin wait. The sweeper may be stopped or dead between S1 and S3: P6 needs neither its lock nor its
 * help. An unregistering decides in the same way (sr_remove.c), from LIVE by REMOVING. P6 then restores LIVE.
 *
 * An evicted handle (sr_lane_evict) finds out at P4. Its counts are far below 0, and a pin that meets such a count
 * leaves the fast way. So eviction costs a pin nothing.
 *
 * Acquire and release are not enough for 1 and 2. Both sides store one word and then load the word that the other side
 * stores. That is the heart of Dekker's algorithm (E. W. Dijkstra, Cooperating sequential processes, EWD 123, 1965). It
 * needs a store-load barrier on every machine.
 *
 * Why it is fast. A pin writes only this handle's memory: two processes that pin one segment write two cache lines. A
 * pin reads a line of the handle, a line of the index and a line of slots. Its cost is the locked instruction of P4,
 * and later the one of the unpin. The loads, the hash and the checks run in parallel with these, as long as none of
 * them waits for a count. So no count is fetched: the processor's flags answer all that a pin asks of a count.
 *
 * The fast way serves slots below n_counts_mapped: the handle has memory for all counts up to there. For a higher slot,
 * pin_searching looks at the bit of the slot's page of counts. That costs two loads and a call more.
 */
#include "hold/sr_pin.h"
#include "sys/sr_call.h"
#include "sys/sr_error.h"
#include "registry/sr_lane.h"
#include "registry/sr_enter.h"
#include "shm/sr_table.h"

#include <inttypes.h>

static inline bool is_pinnable(uint64_t word, unsigned flags)
{
	enum sr_state state = sr_word_state(word);

	return SR_LIKELY(state == SR_LIVE) || (state == SR_PENDING && !(flags & SEGREG_PIN_LIVE));
}

/* The slot's word after its decision is taken back; any other word unchanged. */
static inline uint64_t undecided(uint64_t word)
{
	return sr_word_make(sr_word_generation(word), sr_state_undecided(sr_word_state(word)));
}

static inline int make_pin(uint64_t lane_id, uint64_t id, uint32_t slot, uint64_t word, struct segreg_pin *pin)
{
	*pin = (struct segreg_pin){
		.id = id,
		.owner = lane_id,
		.slot = slot,
		.generation = sr_word_generation(word),
	};
	return 0;
}

/* After a count went down: whether a sweep may have work now. */
static inline bool is_not_live(const struct segreg *reg, uint32_t slot)
{
	return SR_UNLIKELY(sr_word_state(sr_load_seqcst_u64(&reg->slots[slot].word)) != SR_LIVE);
}

/* After a count went down: wake threads that wait for sweeps, if the segment is not LIVE. */
static inline void wake_if_retired(struct segreg *reg, uint32_t slot)
{
	if (is_not_live(reg, slot))
		sr_region_wake(&reg->region);
}

static void uncount(struct segreg *reg, uint32_t slot)
{
	sr_count_down_seqcst(&reg->counts[slot]);
	wake_if_retired(reg, slot);
}

static SR_COLD int fail_miscounted(struct segreg *reg, uint64_t id, uint32_t slot)
{
	uncount(reg, slot);
	return sr_fail(SEGREG_E_FULL,
		       "this handle has 2^31 pins on segment %" PRIu64
		       ", or another thread is just releasing a pin that it does not hold",
		       id);
}

/* Whether this lane's count of the slot has memory. */
static inline bool is_countable(const struct segreg *reg, uint32_t slot)
{
	return SR_LIKELY(slot < sr_load_acquire_u32(&reg->n_counts_mapped)) ||
	       (slot < reg->region.geometry.max_segments && sr_row_has_page(reg->row, slot));
}

/*
 * Pin under the table lock, where no slot moves, and a miss is final. No decision is under way either. A decider
 * begins and ends it in one hold of that lock. If a decider died, sr_table_lock_take repairs the tables first.
 */
static SR_COLD int pin_slowly(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
{
	SR_UNCANCELLED();
	uint64_t word = 0;
	uint32_t slot;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	if (!sr_lane_may_hold(reg->lane_head)) {
		rc = sr_lane_fail_evicted(reg);
		goto out;
	}
	slot = sr_table_find(&reg->region, id);
	if (slot != SR_NONE)
		word = sr_load_acquire_u64(&reg->slots[slot].word);
	if (slot == SR_NONE || !is_pinnable(word, flags)) {
		rc = sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " %s", id,
			     slot == SR_NONE                      ? "is not registered"
			     : is_pinnable(word, 0)               ? "is retired"
			     : sr_word_state(word) == SR_BUILDING ? "is still being built"
								  : "is being deleted");
		goto out;
	}
	if (!is_countable(reg, slot))
		rc = sr_lane_add_page(reg, slot);
	if (rc)
		goto out;
	if (!sr_count_up_seqcst(&reg->counts[slot]))
		rc = fail_miscounted(reg, id, slot);
	else
		rc = make_pin(reg->lane_id, id, slot, word, pin);
out:
	sr_table_lock_give(reg);
	return rc;
}

static SR_COLD int undo_and_pin_slowly(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin,
				       uint32_t slot)
{
	uncount(reg, slot);
	return pin_slowly(reg, id, flags, pin);
}

/* P5 and P6, for a word that is under decision or is not what P2 read. */
static SR_COLD int pin_decided(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin, uint32_t slot,
			       uint32_t generation)
{
	uint64_t *at = &reg->slots[slot].word, word;

	for (;;) {
		word = sr_load_seqcst_u64(at);
		if (sr_word_generation(word) != generation || !is_pinnable(undecided(word), flags))
			return undo_and_pin_slowly(reg, id, flags, pin, slot);
		SR_STOP("pin.deciding");
		if (undecided(word) == word || sr_state_take_back(at, word))
			return make_pin(reg->lane_id, id, slot, word, pin);
	}
}

/*
 * Go on after P2 read a state that the fast way does not accept. Without SEGREG_PIN_LIVE it accepts LIVE and PENDING,
 * with it only LIVE.
 */
static SR_COLD int pin_unusual(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin, uint32_t slot,
			       uint64_t word)
{
	if (!is_pinnable(undecided(word), flags)) {
		/* A retirement is final. All other states need a look under the table lock. */
		if (is_pinnable(undecided(word), 0) &&
		    undecided(sr_load_acquire_u64(&reg->slots[slot].word)) == undecided(word))
			return sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " is retired", id);
		return pin_slowly(reg, id, flags, pin);
	}
	if (!sr_count_up_seqcst(&reg->counts[slot]))
		return undo_and_pin_slowly(reg, id, flags, pin, slot);
	return pin_decided(reg, id, flags, pin, slot, sr_word_generation(word));
}

/* P2 and P3. Returns false if the slot has another id. */
static inline bool look(const struct sr_slot *slot, uint64_t id, uint64_t *word)
{
	SR_STOP("pin.found");
	*word = sr_load_acquire_u64(&slot->word);
	SR_STOP("pin.looking");
	return sr_load_acquire_u64(&slot->id) == id;
}

/* P4 to P6, with the word that P2 read. */
static inline __attribute__((always_inline)) int pin_slot(struct segreg *reg, uint64_t id, unsigned flags,
							  struct segreg_pin *pin, uint32_t slot, uint64_t word)
{
	const uint64_t *at = &reg->slots[slot].word;
	uint64_t lane_id = reg->lane_id, again;

	SR_STOP("pin.looked");
	if (SR_UNLIKELY(!is_pinnable(word, flags)))
		return pin_unusual(reg, id, flags, pin, slot, word);
	if (SR_UNLIKELY(!sr_count_up_seqcst(&reg->counts[slot])))
		return undo_and_pin_slowly(reg, id, flags, pin, slot);
	SR_STOP("pin.counted");
	again = sr_load_seqcst_u64(at);
	SR_STOP("pin.read");
	if (SR_LIKELY(again == word))
		return make_pin(lane_id, id, slot, word, pin);
	return pin_decided(reg, id, flags, pin, slot, sr_word_generation(word));
}

/* Pin a segment whose id is not at its first place in the index, or whose count has no memory, or that is unknown. */
static __attribute__((noinline)) int pin_searching(struct segreg *reg, uint64_t id, unsigned flags,
						   struct segreg_pin *pin)
{
	uint32_t slot = sr_table_find(&reg->region, id);
	uint64_t word;
	int rc = 0;

	sr_store_release_ptr((const void **)&reg->level, sr_table_level(&reg->region));
	if (slot != SR_NONE && !is_countable(reg, slot))
		rc = sr_lane_add_page(reg, slot);
	if (rc)
		return rc;
	if (slot == SR_NONE || !look(&reg->slots[slot], id, &word))
		return pin_slowly(reg, id, flags, pin);
	return pin_slot(reg, id, flags, pin, slot, word);
}

/* The first place of an id in the index. A search begins there. */
static inline const uint32_t *home_of(const struct segreg *reg, uint64_t hash)
{
	const struct sr_level *level = sr_load_acquire_ptr((const void *const *)&reg->level);

	return &level->entries[hash >> level->shift];
}

SR_HOT int sr_pin(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
{
	uint64_t hash = sr_index_hash(id), word;
	uint32_t slot = sr_index_slot(sr_load_acquire_u32(home_of(reg, hash)), hash);

	if (SR_UNLIKELY(slot >= sr_load_acquire_u32(&reg->n_counts_mapped) || !look(&reg->slots[slot], id, &word)))
		return pin_searching(reg, id, flags, pin);
	return pin_slot(reg, id, flags, pin, slot, word);
}

/*
 * How many pins ahead sr_pin_many prefetches: first the entry of the index, then the slot and the count. Measured by
 * bench/questions/pin_growth.c.
 */
#define AHEAD_INDEX 8u
#define AHEAD_SLOT 4u
/* How many pins ahead sr_unpin_many prefetches. */
#define AHEAD_UNPIN 8u

static inline void ask_for_slot(const struct segreg *reg, uint64_t id)
{
	uint64_t hash = sr_index_hash(id);
	uint32_t slot = sr_index_slot(sr_load_acquire_u32(home_of(reg, hash)), hash);

	if (slot < sr_load_acquire_u32(&reg->n_counts_mapped)) {
		__builtin_prefetch(&reg->slots[slot]);
		__builtin_prefetch(&reg->counts[slot], 1);
	}
}

int sr_pin_many(struct segreg *reg, const uint64_t *ids, size_t n, unsigned flags, struct segreg_pin *pins)
{
	for (size_t i = 0; i < n; i++) {
		int rc;

		if (n - i > AHEAD_INDEX)
			__builtin_prefetch(home_of(reg, sr_index_hash(ids[i + AHEAD_INDEX])));
		if (n - i > AHEAD_SLOT)
			ask_for_slot(reg, ids[i + AHEAD_SLOT]);
		rc = sr_pin(reg, ids[i], flags, &pins[i]);
		if (rc) {
			sr_unpin_many(reg, pins, i);
			return rc;
		}
	}
	return 0;
}

int sr_pin_fail(const struct segreg *reg, const struct segreg_pin *pin)
{
	if (!sr_lane_may_hold(reg->lane_head))
		return sr_lane_fail_evicted(reg);
	return sr_fail(SEGREG_E_NOTPINNED, "this handle does not hold that pin on segment %" PRIu64, pin->id);
}

/* Whether this can be a pin of this handle. Only the count shows whether the handle still holds it. */
static inline bool is_ours(const struct segreg *reg, const struct segreg_pin *pin)
{
	return pin->owner == reg->lane_id && is_countable(reg, pin->slot) &&
	       sr_word_generation(sr_load_acquire_u64(&reg->slots[pin->slot].word)) == pin->generation;
}

bool sr_pin_is_held(const struct segreg *reg, const struct segreg_pin *pin)
{
	return is_ours(reg, pin) && (int32_t)sr_load_acquire_u32(&reg->counts[pin->slot]) > 0;
}

/*
 * Undo an unpin that found no pin in the count. Until then a pin does not accept the count (pin_slot), and a sweep that
 * reads it keeps the segment.
 */
static SR_COLD int unpin_mistaken(struct segreg *reg, const struct segreg_pin *pin)
{
	sr_count_up_seqcst(&reg->counts[pin->slot]);
	wake_if_retired(reg, pin->slot);
	return sr_pin_fail(reg, pin);
}

/* Release a pin, and wake no thread. */
static inline int let_go(struct segreg *reg, struct segreg_pin *pin)
{
	if (SR_UNLIKELY(!is_ours(reg, pin)))
		return sr_pin_fail(reg, pin);
	if (SR_UNLIKELY(!sr_count_down_seqcst(&reg->counts[pin->slot])))
		return unpin_mistaken(reg, pin);
	*pin = (struct segreg_pin){ 0 };
	return 0;
}

SR_HOT int sr_unpin(struct segreg *reg, struct segreg_pin *pin)
{
	uint32_t slot = pin->slot;
	int rc = let_go(reg, pin);

	if (SR_LIKELY(!rc))
		wake_if_retired(reg, slot);
	return rc;
}

/* Fetch the memory that the release of a pin needs. A pin of another handle may have any slot. */
static inline void ask_for_pin(const struct segreg *reg, const struct segreg_pin *pin)
{
	if (pin->slot < sr_load_acquire_u32(&reg->n_counts_mapped)) {
		__builtin_prefetch(&reg->slots[pin->slot]);
		__builtin_prefetch(&reg->counts[pin->slot], 1);
	}
}

int sr_unpin_many(struct segreg *reg, struct segreg_pin *pins, size_t n)
{
	const struct segreg_pin *not_held = NULL;
	bool wakes = false;

	for (size_t i = 0; i < n; i++) {
		uint32_t slot = pins[i].slot;

		if (n - i > AHEAD_UNPIN)
			ask_for_pin(reg, &pins[i + AHEAD_UNPIN]);
		if (!pins[i].owner)
			continue;
		if (!let_go(reg, &pins[i]))
			wakes |= is_not_live(reg, slot);
		else if (!not_held)
			not_held = &pins[i];
	}
	SR_STOP("unpin.counted");
	if (wakes)
		sr_region_wake(&reg->region);
	return not_held ? sr_pin_fail(reg, not_held) : 0;
}

int sr_pin_receive(struct segreg *reg, const struct segreg_pin *theirs, struct segreg_pin *pin)
{
	struct segreg_pin ours;
	int rc = sr_pin(reg, theirs->id, 0, &ours);

	if (rc)
		return rc;
	if (theirs->owner && ours.slot == theirs->slot && ours.generation == theirs->generation) {
		*pin = ours;
		return 0;
	}
	sr_unpin(reg, &ours);
	return sr_fail(SEGREG_E_NOENT, "id %" PRIu64 " has been used for another segment since the giver pinned it",
		       theirs->id);
}
