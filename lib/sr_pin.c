/*
 * sr_pin.c - pinning and unpinning.
 *
 * A pin is one count in this handle's lane. The fast way takes no lock and makes no system call:
 *
 *      pin                                         sweeper, holding the table lock
 *      P1  slot = index[id]                        S1  word = DECIDING
 *      P2  read the slot's word: LIVE or PENDING   S2  read counts[slot] of all lanes
 *      P3  read the slot's id: the right one       S3  word = DELETING if all are 0, else PENDING
 *      P4  counts[slot] += 1
 *      P5  read the word once more: still the same, and it is pinned
 *          another: counts[slot] -= 1, and the slow way
 *
 * Why a pinned segment is not deleted. P4, P5, S1 and S2 are sequentially consistent.
 *
 *      1. If P5 reads the word of P2, then as of before S1 or after S3. Before S1: P5 precedes S1, so P4 precedes S2, and S2
 *         sees the count: PENDING. After S3: it was not decided to delete it, and the next S1 is as the first.
 *      2. If P5 reads DECIDING or later, the pin takes its count back and asks under the table lock, where no slot is DECIDING.
 *      3. If S2 saw the count of a pin that takes it back, a segment stays for one sweep more, and the sweeper is woken.
 *      4. A slot that was given to another segment since P1 is unmasked by P3 or P5: giving away changes the word's generation,
 *         so between two equal words there is one segment, and the id read between them is its own. (Giving away writes FREE
 *         with the next generation, then the id, then the state.) From P4 on a slot is not given away at all, since that needs
 *         a count of 0 in every lane: a count on a slot that serves another segment meanwhile delays that one's deletion as in 3.
 *      5. P2 precedes P3. The other way round, the slot could be given away between the two, and old id and new word would pass.
 *
 *      6. An evicted handle (sr_lane_evict) finds out at P4: its counts are far below 0, and a pin leaves the fast way with those. So
 *         eviction costs a pin nothing.
 *
 * Acquire and release are not enough for 1: both sides store one word and then load the other's, which is the heart
 * of Dekker's algorithm (E. W. Dijkstra, Cooperating sequential processes, EWD 123, 1965) and needs a store-load
 * barrier on every machine.
 *
 * Why it is fast. All that a pin writes is this handle's own: two processes that pin one segment write two cache lines.
 * What it reads is a line of the handle, a line of the index and a line of slots. What costs are the two locked
 * instructions, one for P4 and one for an unpin; the loads, the hash and the checks fit into their shadow as long as
 * nothing there waits for a count. So no count is fetched: the processor's flags tell what must be known of it.
 */
#include "sr_pin.h"
#include "sr_error.h"
#include "sr_lane.h"
#include "sr_reconcile.h"
#include "sr_table.h"

#include <inttypes.h>

static inline bool is_pinnable(uint64_t word, unsigned flags)
{
	enum sr_state state = sr_word_state(word);

	return SR_LIKELY(state == SR_LIVE) || (state == SR_PENDING && !(flags & SEGREG_PIN_LIVE));
}

static inline int pinned(uint64_t owner, uint64_t id, uint32_t slot, uint64_t word, struct segreg_pin *pin)
{
	*pin = (struct segreg_pin){
		.id = id, .owner = owner, .slot = slot, .generation = sr_word_generation(word),
	};
	return 0;
}

/* A count went down: if the segment is retired, somebody may be waiting for that. */
static inline void wake_if_retired(struct segreg *reg, uint32_t slot)
{
	if (SR_UNLIKELY(sr_word_state(sr_load_seqcst_u64(&reg->slots[slot].word)) != SR_LIVE))
		sr_region_wake(&reg->region);
}

static void take_back(struct segreg *reg, uint32_t slot)
{
	sr_count_down_seqcst(&reg->counts[slot]);
	wake_if_retired(reg, slot);
}

static SR_COLD int miscounted(struct segreg *reg, uint64_t id, uint32_t slot)
{
	take_back(reg, slot);
	return sr_fail(SEGREG_E_FULL, "this handle has 2^31 pins on segment %" PRIu64 ", or another thread is just releasing one that it "
		       "does not hold", id);
}

/* Whether a slot's count has memory. */
static inline bool is_countable(const struct segreg *reg, uint32_t slot)
{
	return SR_LIKELY(slot < sr_load_acquire_u32(&reg->n_ready)) || (slot < reg->region.geometry.max_segments && sr_lane_has_page(reg->lane_page, slot));
}

/* Under the table lock: nothing is DECIDING, nothing moves, and a miss is final. */
static SR_COLD int pin_slowly(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
{
	uint64_t word = 0;
	uint32_t slot;
	int rc = sr_enter_table(reg);

	if (rc)
		return rc;
	if (sr_lane_is_evicted(reg->lane_page)) {
		rc = sr_lane_fail_evicted(reg);
		goto out;
	}
	slot = sr_table_find(&reg->region, id);
	if (slot != SR_NONE)
		word = sr_load_acquire_u64(&reg->slots[slot].word);
	if (slot == SR_NONE || !is_pinnable(word, flags)) {
		rc = sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " %s", id,
			     slot == SR_NONE			  ? "is not registered" :
			     is_pinnable(word, 0)		  ? "is retired" :
			     sr_word_state(word) == SR_BUILDING ? "is still being built" :
								    "is being deleted");
		goto out;
	}
	if (!is_countable(reg, slot))
		rc = sr_lane_add_page(reg, slot);
	if (rc)
		goto out;
	if (!sr_count_up_seqcst(&reg->counts[slot]))
		rc = miscounted(reg, id, slot);
	else
		rc = pinned(reg->owner, id, slot, word, pin);
out:
	sr_leave_table(reg);
	return rc;
}

static SR_COLD int pin_again(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin, uint32_t slot)
{
	take_back(reg, slot);
	return pin_slowly(reg, id, flags, pin);
}

/* P2 and P3. */
static inline bool look(const struct sr_slot *slot, uint64_t id, uint64_t *word)
{
	SR_STOP("pin.found");
	*word = sr_load_acquire_u64(&slot->word);
	SR_STOP("pin.looking");
	return sr_load_acquire_u64(&slot->id) == id;
}

/* P4 and P5, if P2 and P3 allow it. */
static inline __attribute__((always_inline)) int pin_slot(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin,
							  uint32_t slot, uint64_t word)
{
	const uint64_t *at = &reg->slots[slot].word;
	uint64_t owner = reg->owner, again;

	SR_STOP("pin.looked");
	if (SR_UNLIKELY(!is_pinnable(word, flags)))
		return pin_slowly(reg, id, flags, pin);
	if (SR_UNLIKELY(!sr_count_up_seqcst(&reg->counts[slot])))
		return pin_again(reg, id, flags, pin, slot);
	SR_STOP("pin.counted");
	again = sr_load_seqcst_u64(at);
	SR_STOP("pin.read");
	if (SR_LIKELY(again == word))
		return pinned(owner, id, slot, word, pin);
	return pin_again(reg, id, flags, pin, slot);
}

/* For an id that is not at its home in the index, or whose count has no memory, or that is nowhere. */
static __attribute__((noinline)) int pin_searching(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
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

/* Where id stands in the index, if it is at home. */
static inline const uint32_t *home_of(const struct segreg *reg, uint64_t hash)
{
	const struct sr_level *level = sr_load_acquire_ptr((const void *const *)&reg->level);

	return &level->entries[hash >> level->shift];
}

SR_HOT int sr_pin(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
{
	uint64_t hash = sr_index_hash(id), word;
	uint32_t slot = sr_index_slot(sr_load_acquire_u32(home_of(reg, hash)), hash);

	if (SR_UNLIKELY(slot >= sr_load_acquire_u32(&reg->n_ready) || !look(&reg->slots[slot], id, &word)))
		return pin_searching(reg, id, flags, pin);
	return pin_slot(reg, id, flags, pin, slot, word);
}

/* How many pins ahead memory is asked for: the index first, then what it leads to. Measured by bench/pin_growth.c. */
#define AHEAD_INDEX 8u
#define AHEAD_SLOT 4u

static inline void ask_for_slot(const struct segreg *reg, uint64_t id)
{
	uint64_t hash = sr_index_hash(id);
	uint32_t slot = sr_index_slot(sr_load_acquire_u32(home_of(reg, hash)), hash);

	if (slot < sr_load_acquire_u32(&reg->n_ready)) {
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
			while (i-- > 0)
				sr_unpin(reg, &pins[i]);
			return rc;
		}
	}
	return 0;
}

int sr_pin_fail(const struct segreg *reg, const struct segreg_pin *pin)
{
	if (sr_lane_is_evicted(reg->lane_page))
		return sr_lane_fail_evicted(reg);
	return sr_fail(SEGREG_E_NOTPINNED, "this handle does not hold that pin on segment %" PRIu64, pin->id);
}

/* Can this be a pin of this handle's? Whether it is still held, the count says. */
static inline bool is_ours(const struct segreg *reg, const struct segreg_pin *pin)
{
	return pin->owner == reg->owner && is_countable(reg, pin->slot) &&
	       sr_word_generation(sr_load_acquire_u64(&reg->slots[pin->slot].word)) == pin->generation;
}

bool sr_pin_is_held(const struct segreg *reg, const struct segreg_pin *pin)
{
	return is_ours(reg, pin) && (int32_t)sr_load_acquire_u32(&reg->counts[pin->slot]) > 0;
}

/* There was none to take away: put it back. Until then no pin trusts the count (pin_slot), and every sweep sees one. */
static SR_COLD int unpin_mistaken(struct segreg *reg, const struct segreg_pin *pin)
{
	sr_count_up_seqcst(&reg->counts[pin->slot]);
	wake_if_retired(reg, pin->slot);
	return sr_pin_fail(reg, pin);
}

SR_HOT int sr_unpin(struct segreg *reg, struct segreg_pin *pin)
{
	uint32_t slot = pin->slot;

	if (SR_UNLIKELY(!is_ours(reg, pin)))
		return sr_pin_fail(reg, pin);
	if (SR_UNLIKELY(!sr_count_down_seqcst(&reg->counts[slot])))
		return unpin_mistaken(reg, pin);
	*pin = (struct segreg_pin){ 0 };
	wake_if_retired(reg, slot);
	return 0;
}
