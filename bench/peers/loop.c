/*
 * loop.c - pinning and unpinning in a loop.
 */
#include "peers/loop.h"

#include "segreg.h"

void *loop_open(const char *dir)
{
	struct segreg_open_options options = { .size = sizeof(options) };
	struct segreg *reg;

	return segreg_open(dir, &options, &reg) == 0 ? reg : NULL;
}

int loop_use(void *reg, const uint64_t *ids, size_t mask, size_t count)
{
	struct segreg_pin pin;

	for (size_t i = 0; i < count; i++)
		if (segreg_pin(reg, ids[i & mask], 0, &pin) < 0 || segreg_unpin(reg, &pin) < 0)
			return -1;
	return 0;
}

/* No slot has been used 2^31 times, so the step is 0. The compiler cannot know that. */
int loop_chase(void *reg, const uint64_t *ids, size_t mask, size_t count)
{
	struct segreg_pin pin;
	size_t step = 0;

	for (size_t i = 0; i < count; i++) {
		if (segreg_pin(reg, ids[(i + step) & mask], 0, &pin) < 0)
			return -1;
		step = pin.generation >> 31;
		if (segreg_unpin(reg, &pin) < 0)
			return -1;
	}
	return 0;
}

int loop_close(void *reg)
{
	return segreg_close(reg, NULL);
}
