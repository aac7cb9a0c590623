/*
 * sr_state.c - the table of moves between a slot's states.
 */
#include "shm/sr_state.h"

#define TO(state) (1u << (state))

static const unsigned allowed[SR_STATES] = {
	[SR_FREE] = TO(SR_LIVE) | TO(SR_BUILDING),
	[SR_BUILDING] = TO(SR_LIVE) | TO(SR_DELETING) | TO(SR_GONE),
	[SR_LIVE] = TO(SR_PENDING) | TO(SR_REMOVING) | TO(SR_GONE),
	[SR_PENDING] = TO(SR_DECIDING) | TO(SR_GONE),
	[SR_DECIDING] = TO(SR_PENDING) | TO(SR_DELETING) | TO(SR_GONE),
	[SR_REMOVING] = TO(SR_LIVE) | TO(SR_GONE),
	[SR_DELETING] = TO(SR_PENDING) | TO(SR_BUILDING) | TO(SR_GONE),
	[SR_GONE] = TO(SR_FREE),
};

bool sr_state_move(uint64_t *word, enum sr_state to)
{
	uint64_t old = sr_load_acquire_u64(word);
	enum sr_state from = sr_word_state(old);

	if (from >= SR_STATES || !(allowed[from] & TO(to)))
		return false;
	sr_store_seqcst_u64(word, sr_word_make(sr_word_generation(old) + (to == SR_FREE), to));
	return true;
}

bool sr_state_decide(uint64_t *word, enum sr_state to)
{
	uint64_t old = sr_load_acquire_u64(word);
	enum sr_state from = sr_word_state(old);

	return sr_state_undecided(from) != from && allowed[from] & TO(to) &&
	       sr_cas_seqcst_u64(word, old, sr_word_make(sr_word_generation(old), to));
}

bool sr_state_take_back(uint64_t *word, uint64_t read)
{
	enum sr_state state = sr_word_state(read);

	return sr_state_undecided(state) != state &&
	       sr_cas_seqcst_u64(word, read, sr_word_make(sr_word_generation(read), sr_state_undecided(state)));
}

void sr_state_force(uint64_t *word, enum sr_state to)
{
	sr_store_seqcst_u64(word, sr_word_make(sr_word_generation(sr_load_acquire_u64(word)), to));
}

const char *segreg_state_name(enum segreg_state state)
{
	switch (state) {
	case SEGREG_BUILDING:
		return "building";
	case SEGREG_LIVE:
		return "live";
	case SEGREG_PENDING:
		return "pending";
	case SEGREG_DELETING:
		return "deleting";
	default:
		return "unknown";
	}
}
