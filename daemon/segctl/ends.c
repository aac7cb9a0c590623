/*
 * ends.c - which processes to end, so that few ends give much back.
 *
 * A segment comes back when all processes that hold it have ended. Where processes share what they hold, the end of
 * each alone gives nothing back. So a step does not choose a process but a group of segments: it ends all processes
 * that hold the group. It takes the group that gives most back for each process that must still end. Other groups that
 * come back at the same time count. To find the best set is as hard as set cover, so this is greedy. Groups that
 * need only some of these processes come first, as steps of their own.
 *
 * CANDIDATES bounds the groups that a step compares, and WEIGHED those that it counts for each. Both are taken from the
 * largest. What a step gives back is counted over all groups.
 */
#include <stdlib.h>
#include <string.h>

#include "segctl/ends.h"
#include "segctl/look.h"
#include "segctl/sets.h"

#define CANDIDATES 64
#define WEIGHED 4096

struct search {
	const struct ctl_look *look;
	size_t words;
	uint64_t *ended;   /* set of processes */
	uint64_t *with;    /* these, and those of a candidate */
	uint64_t *goal;    /* these, and those of the chosen group */
	uint32_t *largest; /* sets of processes, the largest group first */
	size_t n_largest;
};

static bool is_within(const struct search *search, uint32_t number, const uint64_t *ended)
{
	const uint64_t *set = ctl_sets_get(&search->look->process_sets, number);

	for (size_t i = 0; i < search->words; i++)
		if (set[i] & ~ended[i])
			return false;
	return true;
}

static size_t count_missing(const struct search *search, uint32_t number)
{
	const uint64_t *set = ctl_sets_get(&search->look->process_sets, number);
	size_t n = 0;

	for (size_t i = 0; i < search->words; i++)
		n += (size_t)__builtin_popcountll(set[i] & ~search->ended[i]);
	return n;
}

/* What comes back if the processes of a candidate end as well. */
static uint64_t weigh(const struct search *search, uint32_t number)
{
	const uint64_t *set = ctl_sets_get(&search->look->process_sets, number);
	uint64_t gain = 0;

	for (size_t i = 0; i < search->words; i++)
		search->with[i] = search->ended[i] | set[i];
	for (size_t i = 0; i < search->n_largest && i < WEIGHED; i++) {
		uint32_t other = search->largest[i];

		if (is_within(search, other, search->with) && !is_within(search, other, search->ended))
			gain += search->look->process_groups[other].bytes;
	}
	return gain;
}

/*
 * Returns the group that is worth most for each process that must still end; 0: none is left. With a goal, only groups
 * within it that need fewer ends than it does; the goal itself if there is none.
 */
static uint32_t choose(const struct search *search, uint32_t goal)
{
	size_t most = goal ? count_missing(search, goal) : SIZE_MAX;
	uint32_t chosen = most ? goal : 0;
	double best = 0;

	for (size_t i = 0, n = 0; i < search->n_largest && n < CANDIDATES; i++) {
		uint32_t number = search->largest[i];
		size_t missing = count_missing(search, number);
		double worth;

		if (!missing || missing >= most || (goal && !is_within(search, number, search->goal)))
			continue;
		n++;
		worth = (double)weigh(search, number) / (double)missing;
		if (worth <= best)
			continue;
		best = worth;
		chosen = number;
	}
	return chosen;
}

static uint64_t sum_freed(const struct search *search)
{
	uint64_t freed = 0;

	for (size_t i = 0; i < search->n_largest; i++)
		if (is_within(search, search->largest[i], search->ended))
			freed += search->look->process_groups[search->largest[i]].bytes;
	return freed;
}

static void take_step(struct search *search, struct ctl_ends *ends, uint32_t number)
{
	const uint64_t *set = ctl_sets_get(&search->look->process_sets, number);
	struct ctl_end *step = &ends->steps[ends->n];
	size_t i;

	*step = (struct ctl_end){ .first = ends->n ? step[-1].first + step[-1].n : 0 };
	CTL_SET_EACH(i, set, search->words)
	{
		if (ctl_set_has(search->ended, i))
			continue;
		ends->holders[step->first + step->n++] = (uint32_t)i;
		ctl_set_add(search->ended, i);
	}
	step->freed = sum_freed(search);
	ends->n++;
}

static int by_bytes(const void *a, const void *b, void *arg)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	const struct ctl_sum *sums = arg;

	if (sums[i].bytes != sums[j].bytes)
		return sums[i].bytes < sums[j].bytes ? 1 : -1;
	return (i > j) - (i < j);
}

static void search_ends(struct search *search, struct ctl_ends *ends)
{
	uint64_t enough;
	uint32_t number, goal;

	for (size_t i = 0; i < search->look->n_holders; i++)
		if (search->look->holders[i].is_dead)
			ctl_set_add(search->ended, i);
	for (uint32_t i = 1; i < search->look->process_sets.n; i++)
		search->largest[search->n_largest++] = i;
	if (search->n_largest)
		qsort_r(search->largest, search->n_largest, sizeof *search->largest, by_bytes,
			search->look->process_groups);
	ends->dead = sum_freed(search);
	enough = ends->dead + (search->look->held.bytes - ends->dead) / 10 * 9;
	while ((!ends->n || ends->steps[ends->n - 1].freed < enough) && (goal = choose(search, 0))) {
		const uint64_t *set = ctl_sets_get(&search->look->process_sets, goal);

		for (size_t i = 0; i < search->words; i++)
			search->goal[i] = search->ended[i] | set[i];
		while ((number = choose(search, goal)))
			take_step(search, ends, number);
	}
}

int ctl_ends_find(const struct ctl_look *look, struct ctl_ends *ends)
{
	struct search search = { .look = look, .words = look->process_sets.words };
	bool has_memory;

	search.ended = calloc(3 * search.words, sizeof *search.ended);
	search.with = search.ended ? search.ended + search.words : NULL;
	search.goal = search.ended ? search.with + search.words : NULL;
	search.largest = calloc(look->process_sets.n, sizeof *search.largest);
	ends->n = 0;
	ends->steps = calloc(look->n_holders + 1, sizeof *ends->steps); /* each step ends a process at least */
	ends->holders = calloc(look->n_holders + 1, sizeof *ends->holders);
	has_memory = search.ended && search.largest && ends->steps && ends->holders;
	if (has_memory)
		search_ends(&search, ends);
	free(search.ended);
	free(search.largest);
	return has_memory ? 0 : SEGREG_E_NOMEM;
}

void ctl_ends_free(struct ctl_ends *ends)
{
	free(ends->steps);
	free(ends->holders);
}
