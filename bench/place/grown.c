/*
 * grown.c - one registry that several questions share.
 */
#include "place/grown.h"

#include "common/measure.h"
#include "place/registry.h"
#include "place/segment.h"

#include <stdbool.h>

/* Segments in one edit. Many, because each edit of random ids writes nearly every page of the database. */
#define BATCH 50000u

uint64_t grown_id(uint64_t i)
{
	uint64_t state = i;

	return measure_random(&state);
}

static uint64_t id_of(uint64_t number)
{
	return grown_id(number - 1);
}

struct segreg *grown_open(uint64_t n)
{
	static uint64_t filled;
	static bool exists;
	struct segreg *reg = exists ? registry_open(GROWN_NAME) : registry_create_light(GROWN_NAME, 0);

	exists = true;
	if (filled < n) {
		segment_fill_as(reg, filled + 1, n, id_of, BATCH);
		filled = n;
	}
	return reg;
}
