/*
 * init.c - each macro SEGREG_..._INIT initialises its struct; compiled as C and as C++ (header.sh).
 */
#include <segreg.h>

#include <stdio.h>
#include <string.h>

/* Also outside of functions, where C wants constants. */
static struct segreg_open_options constant = SEGREG_OPEN_OPTIONS_INIT;
static int faults;

/* All bytes from `from` to `size` are 0. */
static void check_zero(const char *name, const void *bytes, size_t from, size_t size)
{
	unsigned char byte;

	for (size_t i = from; i < size; i++) {
		memcpy(&byte, (const char *)bytes + i, 1);
		if (byte) {
			printf("FAILED: %s: byte %d is not 0\n", name, (int)i);
			faults++;
			return;
		}
	}
}

static void check_sized(const char *name, const void *bytes, size_t size, size_t end)
{
	size_t begin;

	memcpy(&begin, bytes, sizeof(begin));
	if (begin != size) {
		printf("FAILED: %s: size is %d\n", name, (int)begin);
		faults++;
	}
	check_zero(name, bytes, sizeof(begin), end);
}

/* Initialised, and set anew; up to a member, since behind it the compiler may pad the struct with anything. */
#define CHECK_SIZED(type, last, init)                                                                                  \
	do {                                                                                                           \
		struct type fresh = init;                                                                              \
		const size_t end = offsetof(struct type, last) + sizeof(fresh.last);                                   \
                                                                                                                       \
		check_sized(#init, &fresh, sizeof(fresh), end);                                                        \
		memset(&fresh, 1, sizeof(fresh));                                                                      \
		fresh = (struct type)init;                                                                             \
		check_sized(#init, &fresh, sizeof(fresh), end);                                                        \
	} while (0)
#define CHECK_ZEROED(type, init)                                                                                       \
	do {                                                                                                           \
		struct type fresh = init;                                                                              \
		check_zero(#init, &fresh, 0, sizeof(fresh));                                                           \
		memset(&fresh, 1, sizeof(fresh));                                                                      \
		fresh = (struct type)init;                                                                             \
		check_zero(#init, &fresh, 0, sizeof(fresh));                                                           \
	} while (0)

int main(void)
{
	check_sized("outside of functions", &constant, sizeof(constant), sizeof(constant));
	CHECK_SIZED(segreg_open_options, max_lanes, SEGREG_OPEN_OPTIONS_INIT);
	CHECK_SIZED(segreg_entry, path, SEGREG_ENTRY_INIT);
	CHECK_SIZED(segreg_stats, layout, SEGREG_STATS_INIT);
	CHECK_SIZED(segreg_sweep_options, stop, SEGREG_SWEEP_OPTIONS_INIT);
	CHECK_SIZED(segreg_sweep_result, next_at, SEGREG_SWEEP_RESULT_INIT);
	CHECK_SIZED(segreg_debug_options, region, SEGREG_DEBUG_OPTIONS_INIT);
	CHECK_ZEROED(segreg_pin, SEGREG_PIN_INIT);
	CHECK_ZEROED(segreg_map, SEGREG_MAP_INIT);
	CHECK_ZEROED(segreg_snapshot, SEGREG_SNAPSHOT_INIT);
	return faults != 0;
}
