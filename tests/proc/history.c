/*
 * history.c - random histories of everything that one does with a registry, against a plain model.
 *
 * A history is a list of steps drawn from a seed. It is played by several processes (history_play.c), and after each
 * step the states, counts, snapshots and files are compared with what the model (history_state.c) says. One that fails
 * is played again with steps left out, as long as it still fails, and the short one is shown.
 *
 *      STEPS=1000000 build/segreg-tests history    a million steps, rather than some thousands
 *      SEED=77 build/segreg-tests history          begin with the history of that seed
 */
#include "harness.h"
#include "history_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define DEFAULT_STEPS 6000u
#define MOST_TRIALS 400u /* to shorten a history */

struct history {
	unsigned n;
	struct step step[HISTORY];
};

/* Shared with the process that plays. */
static struct trial {
	struct t_outcome outcome;
	unsigned at; /* the step under way */
} * trial;

static struct history playing;

/* ---------------------------------------------------------------- drawing */

static uint64_t random_state;

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static unsigned draw(unsigned below)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (unsigned)((z ^ (z >> 31)) >> 32) % below;
}

static uint8_t draw_kind(void)
{
	static const unsigned weight[STEP_KINDS] = {
#define STEP_WEIGHT(name, weight) [STEP_##name] = (weight),
		STEPS(STEP_WEIGHT)
#undef STEP_WEIGHT
	};
	unsigned sum = 0, at;
	uint8_t kind = 0;

	for (unsigned i = 0; i < STEP_KINDS; i++)
		sum += weight[i];
	for (at = draw(sum); at >= weight[kind]; kind++)
		at -= weight[kind];
	return kind;
}

static struct step draw_step(void)
{
	struct step step = {
		.kind = draw_kind(),
		.peer = (uint8_t)draw(PEERS),
		.id = (uint8_t)draw(IDS),
		.hold = (uint8_t)draw(HOLDS),
		.to = (uint8_t)draw(PEERS),
		.to_hold = (uint8_t)draw(HOLDS),
		.snapshot = draw(3) ? SEGREG_SNAPSHOT : SEGREG_HORIZON,
		.flag = draw(3) == 0,
	};

	if (step.kind != STEP_EDIT)
		return step;
	step.n_ops = (uint8_t)(1 + (draw(3) == 0 ? draw(OPS) : 0));
	for (unsigned i = 0; i < step.n_ops; i++)
		step.op[i] = (struct op){ .retires = draw(2), .id = (uint8_t)draw(IDS) };
	step.token = (uint8_t)(draw(8) == 0 ? 1 + draw(TOKENS) : 0);
	if (step.token && draw(2)) { /* often enough the edit that had this token before */
		step.n_ops = 1;
		step.op[0] = (struct op){ .retires = step.token % 2, .id = step.token };
	}
	step.expects = draw(8) == 0;
	step.stale = draw(3) == 0;
	step.expects_live = draw(6) == 0;
	step.syncs = draw(8) == 0;
	return step;
}

static struct history draw_history(uint64_t seed)
{
	struct history history = { .n = HISTORY };

	random_state = seed;
	for (unsigned i = 0; i < HISTORY; i++)
		history.step[i] = draw_step();
	return history;
}

/* ---------------------------------------------------------------- playing and shortening */

static void play_it(void)
{
	model_play(playing.step, playing.n, &trial->at);
}

/* In a process of its own, with an outcome of its own. */
static bool fails(const struct history *history)
{
	struct t_outcome *ours = t_outcome;

	playing = *history;
	t_outcome = &trial->outcome;
	t_run_isolated(play_it);
	t_outcome = ours;
	return trial->outcome.claimed;
}

static struct history without(const struct history *history, unsigned at, unsigned n)
{
	struct history shorter = *history;

	shorter.n -= n;
	memmove(&shorter.step[at], &shorter.step[at + n], (shorter.n - at) * sizeof(struct step));
	return shorter;
}

/* Leave out runs of n steps wherever it goes on failing; whether that was anywhere. */
static bool leave_out(struct history *history, unsigned n, unsigned *trials)
{
	bool any = false;

	for (unsigned at = history->n; at >= n && *trials < MOST_TRIALS;) {
		struct history shorter = without(history, at - n, n);

		++*trials;
		if (fails(&shorter)) {
			*history = shorter;
			any = true;
			at = at - n < history->n ? at - n : history->n;
		} else {
			at--;
		}
	}
	return any;
}

/* Put simpler in place of the step at that position, if it still fails. */
static void try_instead(struct history *history, unsigned at, const struct step *simpler)
{
	struct history other = *history;

	other.step[at] = *simpler;
	if (memcmp(simpler, &history->step[at], sizeof(*simpler)) != 0 && fails(&other))
		*history = other;
}

/* Edits with less in them. */
static void simplify(struct history *history, unsigned at)
{
	for (unsigned i = history->step[at].n_ops; i-- > 0 && history->step[at].n_ops > 1;) {
		struct step fewer = history->step[at];

		memmove(&fewer.op[i], &fewer.op[i + 1], (--fewer.n_ops - i) * sizeof(fewer.op[0]));
		try_instead(history, at, &fewer);
	}
	for (int i = 0; i < 4; i++) {
		struct step plain = history->step[at];

		*(bool *[]){ &plain.expects, &plain.expects_live, &plain.syncs, &plain.flag }[i] = false;
		try_instead(history, at, &plain);
	}
}

static void shorten(struct history *history)
{
	unsigned trials = 0;

	if (trial->at < history->n)
		history->n = trial->at + 1; /* what came after it did not matter */
	for (unsigned n = history->n / 2; n > 0; n /= 2)
		leave_out(history, n, &trials);
	while (leave_out(history, 1, &trials))
		;
	for (unsigned at = 0; at < history->n; at++)
		simplify(history, at);
}

static void report(uint64_t seed, struct history *history)
{
	char text[2048];
	size_t n = 0;

	shorten(history);
	if (!fails(history))
		T_FAIL("seed %llu fails, but not each time", (unsigned long long)seed);
	for (unsigned i = 0; i < history->n && n < sizeof(text); i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\n       %2u  ", i + 1);
		if (n < sizeof(text))
			n += model_describe(&history->step[i], text + n, sizeof(text) - n);
	}
	T_FAIL("seed %llu: at the last of these steps, %.600s%s", (unsigned long long)seed, trial->outcome.text, text);
}

/* ---------------------------------------------------------------- the test */

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t any_seed(void)
{
	uint32_t seed;

	return getrandom(&seed, sizeof(seed), 0) == sizeof(seed) ? seed : 1;
}

static void random_histories(void)
{
	uint64_t steps = number_from("STEPS", DEFAULT_STEPS), seed = number_from("SEED", any_seed());

	trial = mmap(NULL, sizeof(*trial), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T_CHECK(trial != MAP_FAILED);
	t_allow_seconds((unsigned)(T_SECONDS + steps / 50));
	printf("(seed %llu) ", (unsigned long long)seed);
	for (uint64_t done = 0; done < steps; done += HISTORY, seed++) {
		struct history history = draw_history(seed);

		if (fails(&history))
			report(seed, &history);
		T_CHECK(trial->outcome.checks > 0);
	}
}

T_SUITE(history, { "random histories of several processes go as the model says", random_histories });
