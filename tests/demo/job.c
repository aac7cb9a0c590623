/*
 * job.c - what all workers need: opening the registry, listing it, giving up.
 */
#include "job.h"
#include "tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void job_give_up(struct job *job, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(job->self->failure, sizeof(job->self->failure), format, args);
	va_end(args);
	_exit(EXIT_FAILURE);
}

void job_check(struct job *job, int rc, const char *what)
{
	if (rc < 0)
		job_give_up(job, "%s: %s (%s)", what, segreg_strerror(rc), segreg_last_error());
}

void job_open(struct job *job)
{
	struct segreg_open_options options = { .size = sizeof(options), .label = job->self->name };

	job_check(job, segreg_open(job->registry, &options, &job->reg), "segreg_open");
	job->self->opened_at = tally_now();
}

bool job_goes_on(const struct job *job)
{
	return !job->self->asked_to_stop;
}

void job_nap(unsigned milliseconds)
{
	struct timespec time = { .tv_nsec = milliseconds * 1000000l };

	nanosleep(&time, NULL);
}

struct listing {
	uint64_t *ids;
	size_t count;
};

static int add_to_listing(void *arg, const struct segreg_info *info)
{
	struct listing *listing = arg;

	if (info->state == SEGREG_LIVE) {
		if (listing->count == SET_MAX)
			return SEGREG_E_FULL;
		listing->ids[listing->count++] = info->id;
	}
	return 0;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

size_t job_list(struct job *job, uint64_t ids[SET_MAX])
{
	struct listing listing = { .ids = ids };

	job_check(job, segreg_list(job->reg, add_to_listing, &listing), "segreg_list");
	qsort(ids, listing.count, sizeof(*ids), by_id);
	return listing.count;
}

uint64_t job_reserve(struct job *job, uint32_t level, char path[TALLY_NAME_SIZE * 2])
{
	uint32_t number = job->tally->segments++;
	uint64_t id = segment_id(level, number);

	if (number >= TALLY_SEGMENTS)
		job_give_up(job, "the tally has no room for more than %u segments", TALLY_SEGMENTS);
	segment_path(path, job->self, number);
	job_check(job, segreg_reserve(job->reg, id, path), "segreg_reserve");
	return id;
}

void job_note(struct job *job, uint64_t id, enum record_state state)
{
	struct record *record = &job->tally->record[segment_number(id)];
	uint32_t was = record->state;

	while (was < state && !atomic_compare_exchange_weak(&record->state, &was, state))
		;
}

void job_note_built(struct job *job, uint64_t id, const char *path)
{
	struct record *record = &job->tally->record[segment_number(id)];
	const char *base = segreg_base_path(job->reg);
	char whole[SEGREG_PATH_SIZE];

	snprintf(whole, sizeof(whole), "%s/%s", base, path);
	record->id = id;
	record->bytes = tree_usage(whole);
	record->state = RECORD_BUILT;
}
