/*
 * sr_state.h - what a slot can be, and the one table of moves between.
 *
 *      FREE -----> BUILDING -------------------------.
 *        |            |                              |
 *        '----------> LIVE ------> PENDING <----> DECIDING
 *                     ^ | \           |            |    |
 *                     v |  '--------. |            |    v
 *              REMOVING |           v v            |  DELETING
 *                     | '--------> GONE <----------'    |
 *                     '------------> ^ <----------------'
 *
 * FREE       nobody's
 * BUILDING   reserved: its builder writes it; abandoned when the builder's lane is not its own any more
 * LIVE       registered
 * PENDING    retired
 * DECIDING   PENDING while a sweep or an unregistering reads the lanes. A pin takes the decision back: PENDING again.
 * REMOVING   LIVE while an unregistering reads the lanes. A pin or a walk takes the decision back: LIVE again.
 * DELETING   decided; never to be pinned again. Back to what it was only if the decision could not be made durable.
 * GONE       unregistered, but a lane still counts it; then FREE again with the next generation
 *
 * DECIDING and REMOVING begin and end under the table lock. They outlast it only if its holder dies.
 *
 * A pin succeeds in LIVE and PENDING only, and makes these of REMOVING and DECIDING. A repair or a rebuild sets what the
 * durable record says, from whatever there was.
 */
#ifndef SR_STATE_H
#define SR_STATE_H

#include "segreg.h"
#include "sys/sr_atomic.h"

enum sr_state {
	SR_FREE = 0,
	SR_BUILDING = SEGREG_BUILDING,
	SR_LIVE = SEGREG_LIVE,
	SR_PENDING = SEGREG_PENDING,
	SR_DELETING = SEGREG_DELETING,
	SR_DECIDING = 5,
	SR_GONE = 6,
	SR_REMOVING = 7,
	SR_STATES
};

#define SR_STATE_BITS 8u

static inline enum sr_state sr_word_state(uint64_t word)
{
	return (enum sr_state)(word & ((1u << SR_STATE_BITS) - 1));
}

static inline uint32_t sr_word_generation(uint64_t word)
{
	return (uint32_t)(word >> SR_STATE_BITS);
}

static inline uint64_t sr_word_make(uint32_t generation, enum sr_state state)
{
	return (uint64_t)generation << SR_STATE_BITS | (uint64_t)state;
}

/* Whether a sweep has business with a slot in this state, so that it stands in the queue. */
static inline bool sr_state_is_queued(enum sr_state state)
{
	return state == SR_BUILDING || state == SR_PENDING || state == SR_DECIDING || state == SR_DELETING || state == SR_GONE;
}

/* What a state under decision becomes when the decision is taken back; any other state stays itself. */
static inline enum sr_state sr_state_undecided(enum sr_state state)
{
	return state == SR_DECIDING ? SR_PENDING : state == SR_REMOVING ? SR_LIVE : state;
}

/* Move a slot's word from its present state to another. False, and nothing is written, if the table does not allow it: the
 * region is damaged. GONE -> FREE grows the generation. The caller holds the table lock; a slot under decision is left by
 * sr_state_decide. */
bool sr_state_move(uint64_t *word, enum sr_state to);

/* End a decision: DECIDING or REMOVING becomes another state. False if a pin or a walk has taken it back meanwhile. The caller
 * holds the table lock. */
bool sr_state_decide(uint64_t *word, enum sr_state to);

/* Take a decision back without a lock. word is what the caller has read: DECIDING or REMOVING. False if it is another by now. */
bool sr_state_take_back(uint64_t *word, uint64_t read);

/* For repairs: set the state, whatever it was. */
void sr_state_force(uint64_t *word, enum sr_state to);

#endif
