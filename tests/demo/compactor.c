/*
 * compactor.c - merges segments: pins a few, reserves and writes the one that replaces them, and swaps them in one
 * edit.
 *
 * Levels as in any log-structured merge tree: FAN_IN segments of a level become one of the next. Of a file that was
 * crawled more than once the newest reading stays.
 */
#include "job.h"
#include "writer.h"

#include <errno.h>
#include <stdlib.h>

#define FAN_IN 4
#define TOP_LEVEL 3u
#define NO_DOCUMENT UINT32_MAX
#define WAIT_MS 100 /* for something to merge, before it is looked whether to stop */

struct input {
	struct segment segment;
	uint32_t *document; /* its documents' numbers in the output, or NO_DOCUMENT */
	uint32_t term;      /* the next one */
};

struct merge {
	const uint64_t *ids;
	struct segreg_pin pin[SET_MAX];
	struct input input[SET_MAX];
	size_t inputs;
	struct writer writer;
};

static void *allocate(struct job *job, size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		job_give_up(job, "out of memory");
	return memory;
}

/* Of each file, keep the newest reading. */
static void merge_documents(struct job *job, struct merge *merge)
{
	uint64_t *newest = allocate(job, job->crawl->count, sizeof(*newest));

	for (struct input *in = merge->input; in < merge->input + merge->inputs; in++) {
		for (uint32_t i = 0; i < in->segment.document_count; i++) {
			const struct document *d = &in->segment.documents[i];

			if (d->stamp > newest[d->file])
				newest[d->file] = d->stamp;
		}
	}
	for (struct input *in = merge->input; in < merge->input + merge->inputs; in++) {
		in->document = allocate(job, in->segment.document_count, sizeof(*in->document));
		for (uint32_t i = 0; i < in->segment.document_count; i++) {
			const struct document *d = &in->segment.documents[i];

			in->document[i] = d->stamp == newest[d->file]
						  ? writer_document(&merge->writer, d, segment_text(&in->segment, i))
						  : NO_DOCUMENT;
		}
	}
	free(newest);
}

static const struct term *next_term(const struct input *in)
{
	return in->term < in->segment.term_count ? &in->segment.terms[in->term] : NULL;
}

static const struct word *smallest_word(const struct merge *merge)
{
	const struct word *smallest = NULL;

	for (size_t i = 0; i < merge->inputs; i++) {
		const struct term *term = next_term(&merge->input[i]);

		if (term && (!smallest || word_compare(&term->word, smallest) < 0))
			smallest = &term->word;
	}
	return smallest;
}

/* Documents were numbered input by input, so taking the inputs in the same order keeps postings sorted. */
static void merge_terms(struct merge *merge)
{
	const struct word *word;

	while ((word = smallest_word(merge))) {
		for (struct input *in = merge->input; in < merge->input + merge->inputs; in++) {
			const struct term *term = next_term(in);

			if (!term || word_compare(&term->word, word) != 0)
				continue;
			for (uint32_t i = 0; i < term->count; i++) {
				const struct posting *posting = &in->segment.postings[term->first + i];
				uint32_t document = in->document[posting->document];

				if (document != NO_DOCUMENT)
					writer_posting(&merge->writer, word, document, posting->offset);
			}
			in->term++;
		}
	}
}

static void merge_open(struct job *job, struct merge *merge)
{
	char why[SEGMENT_WHY_SIZE];

	job_check(job, segreg_pin_many(job->reg, merge->ids, merge->inputs, SEGREG_PIN_LIVE, merge->pin),
		  "segreg_pin_many");
	for (size_t i = 0; i < merge->inputs; i++) {
		if (!segment_open(job->reg, &merge->pin[i], &merge->input[i].segment, why)) {
			job->self->vanished++;
			job_give_up(job, "an input had vanished: %s", why);
		}
	}
}

static void merge_close(struct job *job, struct merge *merge)
{
	for (size_t i = 0; i < merge->inputs; i++) {
		free(merge->input[i].document);
		segment_close(job->reg, &merge->input[i].segment);
		job_check(job, segreg_unpin(job->reg, &merge->pin[i]), "segreg_unpin");
	}
}

/* The inputs go and the output comes at once: no reader ever sees both, or neither. */
static void merge_commit(struct job *job, const struct merge *merge, const char *path)
{
	uint64_t id = merge->writer.manifest.id;
	struct segreg_edit *edit;

	job_note_built(job, id, path);
	for (size_t i = 0; i < merge->inputs; i++)
		job_note(job, merge->ids[i], RECORD_RETIRING);
	job_check(job, segreg_edit_begin(job->reg, &edit), "segreg_edit_begin");
	job_check(job, segreg_edit_add(edit, id, path), "segreg_edit_add");
	for (size_t i = 0; i < merge->inputs; i++)
		job_check(job, segreg_edit_retire(edit, merge->ids[i]), "segreg_edit_retire");
	job_check(job, segreg_edit_expect_live(edit), "segreg_edit_expect_live");
	job_check(job, segreg_edit_commit(edit, NULL), "segreg_edit_commit");
	job_note(job, id, RECORD_LIVE);
	for (size_t i = 0; i < merge->inputs; i++)
		job_note(job, merge->ids[i], RECORD_RETIRED);
}

static void merge_segments(struct job *job, const uint64_t *ids, size_t count, uint32_t level)
{
	struct merge *merge = allocate(job, 1, sizeof(*merge));
	char path[TALLY_NAME_SIZE * 2];
	uint64_t id;

	merge->ids = ids;
	merge->inputs = count;
	merge_open(job, merge);
	id = job_reserve(job, level, path);
	if (writer_begin(&merge->writer, segreg_base_path(job->reg), path, id) == -1)
		job_give_up(job, "cannot make %s: %s", path, strerror(errno));
	worker_holds(job->self, count * (1 + SEGMENT_PARTS));
	merge_documents(job, merge);
	merge_terms(merge);
	if (writer_finish(&merge->writer) == -1)
		job_give_up(job, "cannot write %s: %s", path, strerror(errno));
	worker_changes(job->self);
	merge_commit(job, merge, path);
	merge_close(job, merge);
	free(merge);
}

/* The FAN_IN oldest segments of the lowest level that has FAN_IN of them; ids are sorted. */
static const uint64_t *choose(const uint64_t *ids, size_t count)
{
	for (size_t i = 0; i + FAN_IN <= count; i++)
		if (segment_level(ids[i]) == segment_level(ids[i + FAN_IN - 1]))
			return ids + i;
	return NULL;
}

void compactor_run(struct job *job)
{
	uint64_t ids[SET_MAX], version;
	const uint64_t *chosen;
	size_t count;

	while (job_goes_on(job)) {
		job_check(job, segreg_version(job->reg, &version), "segreg_version");
		chosen = choose(ids, job_list(job, ids));
		if (chosen) {
			uint32_t level = segment_level(*chosen) + 1;

			merge_segments(job, chosen, FAN_IN, level < TOP_LEVEL ? level : TOP_LEVEL);
		} else {
			segreg_wait(job->reg, version, WAIT_MS, NULL);
		}
	}
	count = job_list(job, ids);
	if (count > 1)
		merge_segments(job, ids, count, TOP_LEVEL);
}
