/*
 * region.c - shared memory that contains anything: every call answers or fails, and nothing outside base is touched.
 *
 * An input is a program of steps: bytes written over some part of a region that is right, and calls in between. Bytes
 * are written before the region is joined and while it is open. At the end of an input come segreg_debug and all calls
 * there are, unless the input stops before.
 *
 * Nothing is written while a call is running. During a call the C library keeps links between the robust mutexes that
 * a thread has locked, in these mutexes. A process that writes over the links can make the holder crash, and no user
 * of robust mutexes can help it.
 */
#include "ground.h"
#include "tour.h"

static const struct ground *ground;

static void prepare(void)
{
	ground = ground_prepare(GROUND_KEPT);
	fuzz_confine(ground->root);
}

/* Where a part that has something in it begins, and how much of it is of interest. */
static uint64_t part_at(unsigned n, uint64_t *size)
{
	const struct sr_geometry *g = &ground->geometry;
	const struct {
		uint64_t at, size;
	} parts[] = {
		{ 0, sizeof(struct sr_header) },
		{ offsetof(struct sr_header, index_bits),
		  sizeof(struct sr_header) - offsetof(struct sr_header, index_bits) },
		{ offsetof(struct sr_header, slot_top),
		  sizeof(struct sr_header) - offsetof(struct sr_header, slot_top) },
		{ g->base, SR_PAGE },
		{ g->index, sr_index_level(SR_INDEX_MIN_BITS + 1) },
		{ g->part[SR_PART_SLOTS], 16 * sizeof(struct sr_slot) },
		{ g->part[SR_PART_DETAILS], 16 * sizeof(struct sr_detail) },
		{ g->part[SR_PART_QUEUE], 16 * sizeof(uint32_t) },
		{ g->part[SR_PART_PATH_MAP], 64 },
		{ g->part[SR_PART_PATHS], 16 * SR_PATH_UNIT },
		{ g->heads, 3 * sizeof(struct sr_lane) },
		{ g->rows, sizeof(struct sr_row) },
		{ g->rows + g->row_size, sizeof(struct sr_row) },
		{ g->rows + 2 * g->row_size, sizeof(struct sr_row) },
		{ g->rows + SR_PAGE, 64 },
		{ g->rows + 2 * g->row_size + SR_PAGE, 64 },
		{ g->rows + (1 + SR_CELL_PAGES) * SR_PAGE, 64 },
		{ g->rows + g->row_size + (1 + SR_CELL_PAGES) * SR_PAGE, 64 },
		{ g->rows + 2 * g->row_size + (1 + SR_CELL_PAGES) * SR_PAGE, 64 },
	};

	n %= sizeof(parts) / sizeof(*parts);
	*size = parts[n].size;
	return parts[n].at;
}

static void write_over(struct input *in)
{
	uint64_t size, at = part_at(input_u8(in), &size);
	unsigned char bytes[16];
	size_t n;

	at += input_u16(in) % size;
	n = input_bytes(in, bytes, 1 + input_u8(in) % sizeof(bytes));
	if (at + n <= ground->geometry.size)
		memcpy(ground->region + at, bytes, n);
}

enum { CALL = 0xa0, JOIN = 0xf0, STOP = 0xff }; /* below: a write */

/* Whether all calls are to follow. */
static bool play(struct input *in, struct tour *tour)
{
	while (input_left(in)) {
		unsigned step = input_u8(in);

		if (step == STOP && tour->reg)
			return false;
		if (step >= JOIN) {
			if (!tour->reg)
				tour->reg = ground_open();
		} else if (step < CALL) {
			write_over(in);
		} else if (tour->reg) {
			tour_call(tour, step - CALL, input_u8(in));
		}
	}
	return true;
}

static int on_item(void *arg, const struct segreg_debug_item *item)
{
	unsigned *n = arg;

	FUZZ_CLAIM(*item->part && *item->name && strlen(item->value) <= SEGREG_PATH_SIZE);
	FUZZ_CLAIM(!item->is_damaged || *item->remark);
	FUZZ_CLAIM(++*n < 100000); /* 8 lanes of 2048 cells, and more */
	return 0;
}

static void debug(uint32_t slot)
{
	struct segreg_debug_options options = { .size = sizeof(options), .flags = SEGREG_DEBUG_ALL };
	unsigned n = 0;

	fuzz_rc(segreg_debug(ground->dir, &options, on_item, &n));
	options.flags = slot & 1 ? SEGREG_DEBUG_SLOT : SEGREG_DEBUG_ID;
	options.slot = slot;
	options.id = slot;
	fuzz_rc(segreg_debug(ground->dir, &options, on_item, &n));
}

static void one(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .end = data + size };
	struct tour tour = { .reg = NULL };
	bool whole;

	ground_restore();
	whole = play(&in, &tour);
	debug((uint32_t)size % 12);
	if (!tour.reg)
		tour.reg = ground_open();
	if (tour.reg && whole)
		tour_all(&tour);
	if (tour.reg)
		tour_close(&tour);
	ground_check(true);
}

const struct fuzz_target fuzz_region = { .name = "region", .prepare = prepare, .one = one };
