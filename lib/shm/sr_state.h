/*
 * sr_state.h - the states of a slot, and the table of moves between them.
 *
 *      from       to
 *      FREE       BUILDING (reserved), LIVE (registered)
 *      BUILDING   LIVE (published), DELETING (its builder is gone), GONE (given up, or removed by force)
 *      LIVE       PENDING (retired), REMOVING (to be unregistered), GONE (removed by force)
 *      REMOVING   LIVE (decision taken back), GONE (unregistered)
 *      PENDING    DECIDING (S1 of a sweep, or to be unregistered), GONE (removed by force)
 *      DECIDING   PENDING (decision taken back), DELETING (S3), GONE (unregistered)
 *      DELETING   GONE (deleted, or removed by force), PENDING or BUILDING (the decision did not become durable)
 *      GONE       FREE (no lane counts the slot any more)
 *
 * FREE       serves no segment
 * BUILDING   reserved: a handle writes the files; abandoned once that handle no longer has its lane
 * LIVE       registered
 * PENDING    retired
 * DECIDING   PENDING while a sweep or an unregistering reads the lanes. A pin takes the decision back: PENDING again
 * REMOVING   LIVE while an unregistering reads the lanes. A pin or a walk takes the decision back: LIVE again
 * DELETING   decided: no pin succeeds. If the decision does not become durable, the slot returns to its former state
 * GONE       unregistered, but a lane still counts the slot; FREE with the next generation once no lane does
 *
 * A decider begins and ends DECIDING and REMOVING in one hold of the table lock. A pin or a walk may end them earlier,
 * without the lock. They outlast the lock only if its holder dies.
 *
 * A pin succeeds only in LIVE and PENDING. It turns REMOVING into LIVE, and DECIDING into PENDING. A repair or a
 * rebuild sets the state that the durable record has, from any state.
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

/* Whether a sweep must examine a slot in this state, so that the slot is in the queue. */
static inline bool sr_state_is_queued(enum sr_state state)
{
	return state == SR_BUILDING || state == SR_PENDING || state == SR_DECIDING || state == SR_DELETING ||
	       state == SR_GONE;
}

/* The state to which a decision returns when it is taken back; any other state stays the same. */
static inline enum sr_state sr_state_undecided(enum sr_state state)
{
	return state == SR_DECIDING ? SR_PENDING : state == SR_REMOVING ? SR_LIVE : state;
}

/*
 * Move a slot's word from its present state to another. Returns false, and writes nothing, if the table does not allow
 * the move: then the region is damaged. GONE -> FREE increments the generation. The caller holds the table lock. A slot
 * under decision leaves its state by sr_state_decide instead.
 */
bool sr_state_move(uint64_t *word, enum sr_state to);

/*
 * End a decision: move the word from DECIDING or REMOVING to another state. Returns false if a pin or a walk has taken
 * the decision back meanwhile. The caller holds the table lock.
 */
bool sr_state_decide(uint64_t *word, enum sr_state to);

/*
 * Take a decision back, without a lock. read: the value that the caller read from *word, with DECIDING or REMOVING.
 * Returns false if *word has changed since.
 */
bool sr_state_take_back(uint64_t *word, uint64_t read);

/* Set the state, from any state; for repairs and for new slots. */
void sr_state_force(uint64_t *word, enum sr_state to);

#endif
