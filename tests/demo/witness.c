/*
 * witness.c - the one who is spared when all others are killed, tells what segreg's counters said at the last, and is
 * killed as well.
 *
 * The counters live in the region, and the next start builds a new one. If the director read them, it would have to
 * close its handle afterwards, and a registry that somebody closes has not crashed.
 */
#include "job.h"

#include <unistd.h>

static int see_segment(void *arg, const struct segreg_info *info)
{
	struct job *job = arg;
	struct testimony *testimony = &job->tally->testimony;

	if (info->state == SEGREG_DELETING) {
		testimony->interrupted++;
		testimony->interrupted_bytes += job->tally->record[segment_number(info->id)].bytes;
	}
	return 0;
}

void witness_run(struct job *job)
{
	struct testimony *testimony = &job->tally->testimony;

	while (job_goes_on(job))
		job_nap(1);
	job_check(job, segreg_list(job->reg, see_segment, job), "segreg_list");
	testimony->stats.size = sizeof(testimony->stats);
	job_check(job, segreg_stats(job->reg, &testimony->stats), "segreg_stats");
	testimony->given = true;
	while (true)
		pause();
}
