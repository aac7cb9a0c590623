/*
 * state.c - sr_state: which moves there are, and no others.
 */
#include "harness.h"
#include "shm/sr_state.h"

/* Rows and columns in the order of enum sr_state: free, building, live, pending, deleting, deciding, gone, removing. */
static const char *const moves[SR_STATES] = {
	".bl.....", /* free */
	"..l.d.g.", /* building */
	"...p..gr", /* live */
	".....?g.", /* pending */
	".b.p..g.", /* deleting */
	"...pd.g.", /* deciding */
	"f.......", /* gone */
	"..l...g.", /* removing */
};

static void each_pair(void)
{
	for (unsigned from = 0; from < SR_STATES; from++)
		for (unsigned to = 0; to < SR_STATES; to++) {
			const uint64_t before = sr_word_make(1000, (enum sr_state)from);
			uint64_t word = before;
			bool allowed = moves[from][to] != '.';

			if (sr_state_move(&word, (enum sr_state)to) != allowed)
				T_FAIL("a move from %u to %u is %s", from, to, allowed ? "refused" : "allowed");
			if (!allowed)
				T_CHECK(word == before);
			else
				T_EQ(sr_word_state(word), to);
		}
}

/* Only what is under decision is decided, and taken back. */
static void decisions(void)
{
	for (unsigned from = 0; from < SR_STATES; from++) {
		const uint64_t before = sr_word_make(1000, (enum sr_state)from);
		bool is_open = from == SR_DECIDING || from == SR_REMOVING;
		uint64_t word = before;

		T_EQ(sr_state_decide(&word, SR_GONE), is_open);
		T_EQ(word, is_open ? sr_word_make(1000, SR_GONE) : before);
		word = before;
		T_EQ(sr_state_decide(&word, SR_DELETING), from == SR_DECIDING);
		word = before;
		T_EQ(sr_state_take_back(&word, before), is_open);
		T_EQ(word, sr_word_make(1000, sr_state_undecided((enum sr_state)from)));
		if (is_open) /* another process was faster */
			T_CHECK(!sr_state_take_back(&word, before) && !sr_state_decide(&word, SR_GONE));
	}
}

static void generations(void)
{
	uint64_t word = sr_word_make(UINT32_MAX, SR_FREE);

	T_CHECK(sr_state_move(&word, SR_LIVE));
	T_CHECK(sr_state_move(&word, SR_PENDING));
	T_CHECK(sr_state_move(&word, SR_DECIDING));
	T_CHECK(sr_state_move(&word, SR_DELETING));
	T_CHECK(sr_state_move(&word, SR_GONE));
	T_EQ(sr_word_generation(word), UINT32_MAX);
	T_CHECK(sr_state_move(&word, SR_FREE));
	T_EQ(sr_word_generation(word), 0); /* it wraps */
	T_EQ(sr_word_state(word), SR_FREE);
}

static void damaged_words(void)
{
	for (unsigned from = SR_STATES; from < 256; from++)
		for (unsigned to = 0; to < SR_STATES; to++) {
			uint64_t word = sr_word_make(7, (enum sr_state)from);

			T_CHECK(!sr_state_move(&word, (enum sr_state)to));
			T_CHECK(word == sr_word_make(7, (enum sr_state)from));
		}
}

static void forced(void)
{
	for (unsigned from = 0; from < 256; from++) {
		uint64_t word = sr_word_make(7, (enum sr_state)from);

		sr_state_force(&word, SR_LIVE);
		T_CHECK(word == sr_word_make(7, SR_LIVE)); /* generation 7: still this segment */
	}
}

static void names(void)
{
	T_STR(segreg_state_name(SEGREG_BUILDING), "building");
	T_STR(segreg_state_name(SEGREG_LIVE), "live");
	T_STR(segreg_state_name(SEGREG_PENDING), "pending");
	T_STR(segreg_state_name(SEGREG_DELETING), "deleting");
	T_STR(segreg_state_name((enum segreg_state)0), "unknown");
	T_STR(segreg_state_name((enum segreg_state)99), "unknown");
}

static void queued(void)
{
	for (unsigned state = 0; state < SR_STATES; state++)
		T_EQ(sr_state_is_queued((enum sr_state)state),
		     state != SR_FREE && sr_state_undecided((enum sr_state)state) != SR_LIVE);
}

T_SUITE(state, { "each pair of states: moved if the table has it, untouched if not", each_pair },
	{ "a decision ends once: by who made it, or by who takes it back", decisions },
	{ "the generation grows when a slot is free again, and only then", generations },
	{ "a word that no build writes is not moved", damaged_words },
	{ "a repair sets any word, and keeps its generation", forced }, { "states have names", names },
	{ "all but free and live ones are queued for a sweep", queued });
