/*
 * attach.c - how long do segreg_open and segreg_close take while other processes have the registry open? How long until
 * a thousand processes that open it at once have opened it?
 */
#include "questions/questions.h"

#include "common/fail.h"
#include "common/measure.h"
#include "common/process.h"
#include "place/registry.h"
#include "place/segment.h"
#include "result/contest.h"
#include "result/result.h"
#include "segreg.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CROWD 1000u /* processes, each with one handle */

static void attend(void *arg)
{
	(void)arg;
	registry_open("attach");
	process_report_ready();
	for (;;)
		pause();
}

static double open_and_close(void *arg)
{
	enum { N = 20 };
	double begin = measure_now();

	(void)arg;
	for (unsigned i = 0; i < N; i++)
		MUST(segreg_close(registry_open("attach"), NULL));
	return (measure_now() - begin) / N * 1e3;
}

static void beside_a_crowd(unsigned crowd)
{
	struct contender c = { .name = "segreg_open and segreg_close beside a crowd", .run = open_and_close };
	pid_t *others = malloc(crowd * sizeof(*others));

	if (!others)
		fail("malloc");
	for (unsigned i = 0; i < crowd; i++)
		others[i] = process_start(attend, NULL);
	contest_run("attach beside a crowd", "ms", &c, 1, 11);
	if (crowd == CROWD)
		result_goal("attach and close beside 1,000 handles", c.cost.median, 1, false, "ms");
	else
		result_note("attach and close beside a crowd", "%.2f ms beside %u handles", c.cost.median, crowd);
	for (unsigned i = 0; i < crowd; i++)
		process_kill(others[i]);
	free(others);
}

/* The times of one process, which all processes share. */
struct opening {
	double begin, end;
};

/* The process ends with its handle open, and only when every process has opened. */
static double open_with_others(void *arg, unsigned number)
{
	struct opening *opening = (struct opening *)arg + number;

	process_meet();
	opening->begin = measure_now();
	registry_open("attach");
	opening->end = measure_now();
	process_meet();
	return opening->end - opening->begin;
}

static void all_at_once(unsigned crowd)
{
	size_t size = crowd * sizeof(struct opening);
	struct opening *openings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double *took = malloc(crowd * sizeof(*took)), begin, end;

	if (openings == MAP_FAILED || !took)
		fail("memory");
	process_run_together(crowd, open_with_others, openings, took);
	begin = openings[0].begin;
	end = openings[0].end;
	for (unsigned i = 1; i < crowd; i++) {
		begin = openings[i].begin < begin ? openings[i].begin : begin;
		end = openings[i].end > end ? openings[i].end : end;
	}
	result_note("opens at once", "%u processes: %.2f seconds until the last has opened, none failed", crowd,
		    end - begin);
	munmap(openings, size);
	free(took);
}

void question_attach(void)
{
	unsigned crowd = measure_is_quick() ? 100 : CROWD;
	struct segreg *reg = registry_create("attach", 0, 2 * CROWD);
	struct contender c = { .name = "segreg_open and segreg_close", .run = open_and_close };
	pid_t others[3];

	segment_fill(reg, 1000, 0);
	for (unsigned i = 0; i < 3; i++)
		others[i] = process_start(attend, NULL);
	MUST(segreg_close(reg, NULL));
	contest_run("attach", "ms", &c, 1, 31);
	result_goal("attach and close beside others", c.cost.median, 1, false, "ms");
	beside_a_crowd(crowd);
	all_at_once(crowd);
	for (unsigned i = 0; i < 3; i++)
		process_kill(others[i]);
}
