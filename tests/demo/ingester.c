/*
 * ingester.c - crawls the folder over and over, and registers a new segment for every few files.
 */
#include "job.h"
#include "writer.h"

#include <errno.h>
#include <stdlib.h>

#define BATCH_TEXT (64u << 10) /* bytes of text that make a segment full */
#define BATCH_DOCUMENTS 64u
#define PACE_MS 8 /* a breath between two segments, for the other processes' sake */

/* The documents of one segment, and where each of their words stands first. */
struct batch {
	char *text; /* BATCH_TEXT and one more document */
	uint32_t length;
	struct document document[BATCH_DOCUMENTS];
	uint32_t documents;
	struct occurrence *occurrence;
	size_t occurrences;
};

struct occurrence {
	struct word word;
	uint32_t document;
	uint32_t offset;
};

#define BATCH_ROOM (BATCH_TEXT + CRAWL_DOCUMENT_MAX)
#define BATCH_WORDS_MAX (BATCH_ROOM / 2) /* a word and a blank take three bytes at least */

static void batch_make(struct job *job, struct batch *batch)
{
	batch->text = malloc(BATCH_ROOM);
	batch->occurrence = calloc(BATCH_WORDS_MAX, sizeof(*batch->occurrence));
	if (!batch->text || !batch->occurrence)
		job_give_up(job, "out of memory");
}

/* The next files of the crawl, at most once around. */
static void batch_fill(struct job *job, struct batch *batch)
{
	batch->length = batch->documents = 0;
	for (uint32_t i = 0; i < job->crawl->count && i < BATCH_DOCUMENTS && batch->length < BATCH_TEXT; i++) {
		uint64_t stamp = job->tally->crawled++;
		uint32_t file = (uint32_t)(stamp % job->crawl->count);
		uint32_t length = crawl_read(job->crawl->path[file], batch->text + batch->length);

		if (!length)
			continue;
		batch->document[batch->documents++] =
			(struct document){ .stamp = stamp, .offset = batch->length, .length = length, .file = file };
		batch->length += length;
	}
}

static int by_word(const void *a, const void *b)
{
	const struct occurrence *x = a, *y = b;
	int order = word_compare(&x->word, &y->word);

	if (order)
		return order;
	if (x->document != y->document)
		return x->document < y->document ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static void batch_sort(struct batch *batch)
{
	batch->occurrences = 0;
	for (uint32_t i = 0; i < batch->documents; i++) {
		const char *text = batch->text + batch->document[i].offset;
		struct occurrence *next = &batch->occurrence[batch->occurrences];
		uint32_t at = 0;

		for (; word_next(text, batch->document[i].length, &at, &next->offset, &next->word); next++)
			next->document = i;
		batch->occurrences = (size_t)(next - batch->occurrence);
	}
	qsort(batch->occurrence, batch->occurrences, sizeof(*batch->occurrence), by_word);
}

static void batch_write(struct job *job, const struct batch *batch, const char *path, uint64_t id)
{
	struct writer writer;

	if (writer_begin(&writer, segreg_base_path(job->reg), path, id) == -1)
		job_give_up(job, "cannot make %s: %s", path, strerror(errno));
	for (uint32_t i = 0; i < batch->documents; i++)
		writer_document(&writer, &batch->document[i], batch->text + batch->document[i].offset);
	for (size_t i = 0; i < batch->occurrences; i++) {
		const struct occurrence *this = &batch->occurrence[i];

		if (i && this[-1].document == this->document && word_compare(&this[-1].word, &this->word) == 0)
			continue; /* only the first one in each document */
		writer_posting(&writer, &this->word, this->document, this->offset);
	}
	if (writer_finish(&writer) == -1)
		job_give_up(job, "cannot write %s: %s", path, strerror(errno));
}

static void ingest(struct job *job, struct batch *batch)
{
	char path[TALLY_NAME_SIZE * 2];
	uint64_t id;

	batch_fill(job, batch);
	if (!batch->documents)
		return;
	batch_sort(batch);
	id = job_reserve(job, 0, path);
	batch_write(job, batch, path, id);
	job_note_built(job, id, path);
	job_check(job, segreg_register(job->reg, id, path), "segreg_register");
	job_note(job, id, RECORD_LIVE);
}

void ingester_run(struct job *job)
{
	struct segreg_stats stats = { .size = sizeof(stats) };
	struct batch batch;

	batch_make(job, &batch);
	while (job_goes_on(job)) {
		job_check(job, segreg_stats(job->reg, &stats), "segreg_stats");
		if (stats.live < LIVE_MAX)
			ingest(job, &batch);
		job_nap(PACE_MS);
	}
	free(batch.occurrence);
	free(batch.text);
}
