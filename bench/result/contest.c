/*
 * contest.c - contests: several ways to do one thing, measured in turns.
 *
 * In each round every contender runs once. The contender that begins changes from round to round, so that other work on
 * the machine disturbs all of them alike. A ratio compares two costs of the same round.
 */
#include "result/contest.h"

#include "common/fail.h"
#include "common/measure.h"
#include "result/result.h"

#include <stdlib.h>

void contest_run(const char *question, const char *unit, struct contender *contender, size_t n, unsigned rounds)
{
	double *cost, *ratio;

	if (measure_is_quick())
		rounds = rounds > 6 ? rounds / 2 : 3;
	cost = calloc(n * rounds, sizeof(*cost));
	ratio = calloc(rounds, sizeof(*ratio));
	if (!cost || !ratio)
		fail("calloc");
	for (size_t i = 0; i < n; i++)
		contender[i].run(contender[i].arg);
	for (unsigned round = 0; round < rounds; round++)
		for (size_t turn = 0; turn < n; turn++) {
			size_t i = (round + turn) % n;

			cost[i * rounds + round] = contender[i].run(contender[i].arg);
		}
	/* spread_of sorts. So the first contender comes last: each ratio needs its costs in the order of the rounds. */
	for (size_t i = n; i-- > 0;) {
		for (unsigned round = 0; round < rounds; round++)
			ratio[round] = cost[round] / cost[i * rounds + round];
		contender[i].ratio = spread_of(ratio, rounds);
		contender[i].cost = spread_of(&cost[i * rounds], rounds);
	}
	for (size_t i = 0; i < n; i++)
		result_cost(question, unit, contender[i].name, &contender[i].cost, &contender[i].ratio, i == 0);
	free(cost);
	free(ratio);
}
