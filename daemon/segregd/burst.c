/*
 * burst.c - events of which many come at once: the first are logged one by one, the others as a sum.
 *
 * A sweep can delete a hundred thousand segments, and the first sweep of a base that is not mounted misses all of
 * them. A line for each would push everything else out of the log. So each kind of event has BURST_LINES lines in
 * BURST_TIME, and then a sum. A sweep with a pace goes on for hours. So a sum waits for the end of the burst, and at
 * most for the end of the sweep.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/format.h"
#include "common/now.h"
#include "common/text.h"
#include "segregd/burst.h"

#define BURST_LINES 10
#define BURST_TIME UINT64_C(10000000) /* in microseconds */
#define KINDS (SEGREG_SWEEP_MISSING + 1)

static struct burst {
	uint64_t began;          /* CLOCK_MONOTONIC microseconds; 0: no burst */
	unsigned n_told;         /* logged one by one */
	uint64_t n, bytes, pins; /* of the events in the sum */
	char *line;              /* of the last of these */
} bursts[KINDS];

static bool is_over(const struct burst *burst)
{
	return tool_now_us() - burst->began >= BURST_TIME;
}

bool burst_admits(const struct segreg_sweep_event *event, char *line)
{
	struct burst *burst = (unsigned)event->action < KINDS ? &bursts[event->action] : NULL;

	if (!burst)
		return true;
	if (!burst->n && (!burst->began || is_over(burst)))
		*burst = (struct burst){ .began = tool_now_us() };
	if (burst->n_told < BURST_LINES) {
		burst->n_told++;
		return true;
	}
	burst->n++;
	burst->bytes += event->bytes;
	burst->pins += event->pins;
	free(burst->line);
	burst->line = line;
	return false;
}

static char *describe(const struct burst *burst, enum segreg_sweep_action action)
{
	char bytes[TOOL_SPAN_SIZE];

	switch (action) {
	case SEGREG_SWEEP_DELETED:
		return tool_text_format("%" PRIu64 " more were deleted: %s freed", burst->n,
					tool_format_bytes(burst->bytes, bytes));
	case SEGREG_SWEEP_FAILED:
		return tool_text_format("%" PRIu64 " more deletions failed: segctl why", burst->n);
	case SEGREG_SWEEP_HELD:
		return tool_text_format("%" PRIu64 " more are held: segctl why", burst->n);
	case SEGREG_SWEEP_RECLAIMED:
		return tool_text_format("%" PRIu64 " more handles were reclaimed: %" PRIu64 " %s", burst->n,
					burst->pins, tool_plural(burst->pins, "pin", "pins"));
	case SEGREG_SWEEP_MISSING:
		return tool_text_format("%" PRIu64 " more are missing: segctl check", burst->n);
	}
	return NULL;
}

char *burst_take_sum(enum segreg_sweep_action action, bool only_over)
{
	struct burst *burst = &bursts[action];
	char *line;

	if (!burst->n || (only_over && !is_over(burst)))
		return NULL;
	if (burst->n == 1) {
		line = burst->line;
		burst->line = NULL;
	} else {
		line = describe(burst, action);
	}
	free(burst->line);
	*burst = (struct burst){ .began = 0 };
	return line;
}
