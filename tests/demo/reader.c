/*
 * reader.c - takes a snapshot, pins all of its segments, looks words up in them, and checks every answer.
 */
#include "job.h"

#include <stdio.h>

#define LOOKUPS_PER_SEGMENT 200

struct set {
	uint64_t id[SET_MAX];
	struct segreg_pin pin[SET_MAX];
	struct segment segment[SET_MAX];
	size_t count;
	size_t opened;
};

/* xorshift64: any numbers will do, as long as each reader has its own. */
static uint32_t any_number_below(uint64_t *seed, uint32_t limit)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)((*seed >> 16) % limit);
}

static void note_vanished(struct job *job, const char *why)
{
	if (job->self->vanished++ == 0)
		snprintf(job->self->first_vanished, sizeof(job->self->first_vanished), "%s", why);
}

/* A word that stands somewhere in the segment must be found, and found there. */
static void look_up(struct job *job, const struct segment *segment, uint64_t *seed)
{
	uint32_t document = any_number_below(seed, segment->document_count);
	uint32_t length = segment->documents[document].length;
	uint32_t at = any_number_below(seed, length), start;
	char why[SEGMENT_WHY_SIZE];
	struct word word;

	if (!word_next(segment_text(segment, document), length, &at, &start, &word))
		return;
	if (!segment_look_up(segment, document, start, &word, why)) {
		note_vanished(job, why);
		return;
	}
	if (job->self->lookups++ == 0)
		job->self->answered_at = tally_now();
	if (!segreg_is_live(job->reg, segment->id))
		job->self->late_lookups++;
}

/* The segments of one version, however fast the compactor is: what a snapshot holds is there to be pinned. */
static bool pin_set(struct job *job, struct set *set)
{
	struct segreg_entry entry = { .size = sizeof(entry) };
	struct segreg_snapshot snapshot;
	int rc;

	set->opened = set->count = 0;
	job_check(job, segreg_snapshot_take(job->reg, SEGREG_SNAPSHOT, &snapshot), "segreg_snapshot_take");
	while ((rc = segreg_snapshot_next(job->reg, &snapshot, &entry)) > 0 && set->count < SET_MAX)
		set->id[set->count++] = entry.id;
	job_check(job, rc < 0 ? rc : 0, "segreg_snapshot_next");
	job_check(job, segreg_pin_many(job->reg, set->id, set->count, 0, set->pin), "segreg_pin_many");
	job_check(job, segreg_snapshot_release(job->reg, &snapshot), "segreg_snapshot_release");
	worker_holds(job->self, set->count);
	return set->count > 0;
}

static bool open_next(struct job *job, struct set *set)
{
	char why[SEGMENT_WHY_SIZE];
	bool opened;

	worker_changes(job->self);
	opened = segment_open(job->reg, &set->pin[set->opened], &set->segment[set->opened], why);
	if (opened)
		set->opened++;
	else
		note_vanished(job, why);
	worker_holds(job->self, set->count + set->opened * SEGMENT_PARTS);
	return opened;
}

/* Segments are opened one after the other, so that the last ones have been pinned, and maybe retired, for some time. */
static void read_set(struct job *job, struct set *set, uint64_t *seed)
{
	char why[SEGMENT_WHY_SIZE];

	while (set->opened < set->count && open_next(job, set))
		for (int i = 0; i < LOOKUPS_PER_SEGMENT; i++)
			look_up(job, &set->segment[any_number_below(seed, (uint32_t)set->opened)], seed);
	for (size_t i = 0; i < set->opened; i++)
		if (!segment_is_whole(job->reg, &set->pin[i], &set->segment[i], why))
			note_vanished(job, why);
}

static void unpin_set(struct job *job, struct set *set)
{
	worker_changes(job->self);
	while (set->opened)
		segment_close(job->reg, &set->segment[--set->opened]);
	for (size_t i = 0; i < set->count; i++)
		job_check(job, segreg_unpin(job->reg, &set->pin[i]), "segreg_unpin");
	worker_holds(job->self, 0);
}

void reader_run(struct job *job)
{
	uint64_t seed = (uint64_t)job->self->number * UINT64_C(0x9e3779b97f4a7c15);
	struct set set;

	while (job_goes_on(job)) {
		worker_changes(job->self);
		if (!pin_set(job, &set)) {
			job_nap(1);
			continue;
		}
		read_set(job, &set, &seed);
		unpin_set(job, &set);
	}
}
