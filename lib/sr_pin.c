/*
 * sr_pin.c - pinning and unpinning.
 *
 * A pin is one count in this handle's lane. The fast way takes no lock and makes no system call:
 *
 *      pin                                         sweeper, holding the table lock
 *      P1  slot = index[id]                        S1  word = DECIDING
 *      P2  counts[slot] += 1                       S2  read counts[slot] of all lanes
 *      P3  read the slot's word                    S3  word = DELETING if all are 0, else PENDING
 *      P4  read the slot's id
 *      P5  LIVE or PENDING, and the id is right: pinned
 *          anything else: counts[slot] -= 1, and the slow way
 *
 * Why a pinned segment is not deleted. P2, P3, S1 and S2 are sequentially consistent.
 *
 *      1. If P3 reads LIVE or PENDING as of before S1, then P3 precedes S1, so P2 precedes S2, and S2 sees the count: PENDING.
 *      2. If P3 reads DECIDING or later, the pin takes its count back and asks under the table lock, where no slot is DECIDING.
 *      3. If S2 saw the count of a pin that takes it back, a segment stays for one sweep more, and P5 wakes the sweeper.
 *      4. A slot that was given to another segment between P1 and P2 is unmasked by P4. From P2 on it is not given away at
 *         all, since that needs a count of 0 in every lane: a count on a slot that serves another segment meanwhile delays that
 *         one's deletion as in 3.
 *      5. P4 follows P3. The other way round, the slot could be given away between the two, and the check would pass on the old
 *         id and the new segment's state. (Giving away writes FREE, then the id, then the state.)
 *
 * Acquire and release are not enough for 1: both sides store one word and then load the other's, which is the heart
 * of Dekker's algorithm (E. W. Dijkstra, Cooperating sequential processes, EWD 123, 1965) and needs a store-load
 * barrier on every machine.
 *
 * It is fast because all that it writes is this handle's own: two processes that pin one segment write two cache lines.
 */
#include "sr_pin.h"
#include "sr_error.h"
#include "sr_lane.h"
#include "sr_reconcile.h"
#include "sr_table.h"

#include <inttypes.h>

#define COUNT_MAX 0x7fffffffu /* far from where a count would wrap, whatever threads do at once */

static inline bool is_pinnable(uint64_t word, unsigned flags)
{
	enum sr_state state = sr_word_state(word);

	return state == SR_LIVE || (state == SR_PENDING && !(flags & SEGREG_PIN_LIVE));
}

static inline int pinned(const struct segreg *reg, uint64_t id, uint32_t slot, uint64_t word, struct segreg_pin *pin)
{
	*pin = (struct segreg_pin){
		.id = id, .owner = reg->owner, .slot = slot, .generation = sr_word_generation(word),
	};
	return 0;
}

/* The last count of this lane went: if the segment is retired, somebody may be waiting for that. */
static void after_last(struct segreg *reg, uint32_t slot)
{
	if (sr_state_is_queued(sr_word_state(sr_load_seqcst_u64(&reg->region.slots[slot].word))))
		sr_region_wake(&reg->region);
}

static void take_back(struct segreg *reg, uint32_t slot)
{
	if (sr_add_seqcst_u32(&reg->counts[slot], UINT32_MAX) == 1)
		after_last(reg, slot);
}

static int too_many(struct segreg *reg, uint64_t id, uint32_t slot)
{
	take_back(reg, slot);
	return sr_fail(SEGREG_E_FULL, "this handle has %u pins on segment %" PRIu64 "; are they ever released?", COUNT_MAX, id);
}

/* Under the table lock: nothing is DECIDING, nothing moves, and a miss is final. */
static int pin_slowly(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
{
	uint64_t word = 0;
	uint32_t slot;
	int rc = sr_enter_table(reg);

	if (rc)
		return rc;
	slot = sr_table_find(&reg->region, id);
	if (slot != SR_NONE)
		word = sr_load_acquire_u64(&reg->region.slots[slot].word);
	if (slot == SR_NONE || !is_pinnable(word, flags)) {
		rc = sr_fail(SEGREG_E_NOENT, "segment %" PRIu64 " %s", id,
			     slot == SR_NONE			  ? "is not registered" :
			     is_pinnable(word, 0)		  ? "is retired" :
			     sr_word_state(word) == SR_BUILDING ? "is still being built" :
								    "is being deleted");
		goto out;
	}
	if (!sr_lane_has_page(reg->lane_page, slot)) {
		rc = sr_lane_add_page(reg, slot);
		if (rc)
			goto out;
	}
	if (sr_add_seqcst_u32(&reg->counts[slot], 1) >= COUNT_MAX)
		rc = too_many(reg, id, slot);
	else
		rc = pinned(reg, id, slot, word, pin);
out:
	sr_leave_table(reg);
	return rc;
}

int sr_pin(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
{
	uint32_t slot = sr_table_find(&reg->region, id);
	uint64_t word;

	SR_STOP("pin.found");
	if (slot == SR_NONE || !is_pinnable(sr_load_acquire_u64(&reg->region.slots[slot].word), flags))
		return pin_slowly(reg, id, flags, pin);
	if (__builtin_expect(!sr_lane_has_page(reg->lane_page, slot), 0)) {
		int rc = sr_lane_add_page(reg, slot);

		if (rc)
			return rc;
	}
	if (sr_add_seqcst_u32(&reg->counts[slot], 1) >= COUNT_MAX)
		return too_many(reg, id, slot);
	SR_STOP("pin.counted");
	word = sr_load_seqcst_u64(&reg->region.slots[slot].word);
	SR_STOP("pin.read");
	if (is_pinnable(word, flags) && sr_load_acquire_u64(&reg->region.slots[slot].id) == id)
		return pinned(reg, id, slot, word, pin);
	take_back(reg, slot);
	return pin_slowly(reg, id, flags, pin);
}

bool sr_pin_is_held(const struct segreg *reg, const struct segreg_pin *pin)
{
	return pin->owner == reg->owner && pin->slot < reg->region.geometry.max_segments &&
	       sr_lane_has_page(reg->lane_page, pin->slot) &&
	       sr_word_generation(sr_load_acquire_u64(&reg->region.slots[pin->slot].word)) == pin->generation &&
	       sr_load_acquire_u32(&reg->counts[pin->slot]) > 0;
}

int sr_unpin(struct segreg *reg, struct segreg_pin *pin)
{
	uint32_t slot = pin->slot, count;

	if (!sr_pin_is_held(reg, pin))
		goto fail;
	/* Never below 0, not even for a moment: another thread's pin must not be cancelled by a mistaken unpin. */
	do {
		count = sr_load_acquire_u32(&reg->counts[slot]);
		if (!count)
			goto fail;
	} while (!sr_cas_seqcst_u32(&reg->counts[slot], count, count - 1));
	if (count == 1)
		after_last(reg, slot);
	*pin = (struct segreg_pin){ 0 };
	return 0;
fail:
	return sr_fail(SEGREG_E_NOTPINNED, "this handle does not hold that pin on segment %" PRIu64, pin->id);
}
