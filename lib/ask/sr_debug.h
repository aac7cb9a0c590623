/*
 * sr_debug.h - showing what is in a region, whatever is in it: segreg_debug.
 */
#ifndef SR_DEBUG_H
#define SR_DEBUG_H

#include "ask/sr_image.h"

int sr_debug(const char *dir, const struct segreg_debug_options *options, segreg_debug_fn *fn, void *arg);

/* ---------------------------------------------------------------- for sr_debug*.c alone */

#define SR_DEBUG_TEXT 256u

struct sr_debug {
	struct sr_image image;
	const struct segreg_debug_options *options;
	struct sr_header header;     /* a copy */
	struct sr_geometry geometry; /* of the limits in the header, */
	bool has_geometry;           /* if these are in range */
	segreg_debug_fn *fn;
	void *arg;
	int rc; /* not 0: fn wants no more, or an error */
	/* Of the next item: */
	const char *part;
	int64_t number;
	char remark[SR_DEBUG_TEXT];
	bool is_damaged;
	int64_t pid;
};

/* The next items are of this part. */
void sr_debug_begin(struct sr_debug *d, const char *part, int64_t number);
/* The next item gets a remark; the next item gets a remark and is damaged. */
void sr_debug_remark(struct sr_debug *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sr_debug_damage(struct sr_debug *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Show an item. */
void sr_debug_say(struct sr_debug *d, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Show a time; a process; a text, which must end within size bytes. */
void sr_debug_say_time(struct sr_debug *d, const char *name, int64_t at);
void sr_debug_say_pid(struct sr_debug *d, const char *name, int64_t pid, uint64_t pidns_dev, uint64_t pidns_ino);
void sr_debug_say_text(struct sr_debug *d, const char *name, const char *text, size_t size);

/* Show a number that must be one of an enum's n. what names the enum. */
void sr_debug_say_named(struct sr_debug *d, const char *name, uint32_t number, const char *const *names, uint32_t n,
			const char *what);
/* Show whether a process holds a byte of registry.lock. held and is_free are the remarks for these cases. */
void sr_debug_say_byte(struct sr_debug *d, const char *name, off_t byte, const char *held, const char *is_free);

/* "LIVE"; NULL for what is no state. */
const char *sr_debug_state(enum sr_state state);
/* Where the row of lane n begins, and its counts. */
static inline uint64_t sr_debug_row(const struct sr_debug *d, uint32_t n)
{
	return d->geometry.rows + d->geometry.row_size * n;
}

static inline uint64_t sr_debug_counts(const struct sr_debug *d, uint32_t n)
{
	return sr_debug_row(d, n) + (1 + SR_CELL_PAGES) * SR_PAGE;
}

/* Read a lane's head, a slot, its detail, an entry of the queue. False if the file does not reach so far. */
bool sr_debug_lane(const struct sr_debug *d, uint32_t n, struct sr_lane *lane);
bool sr_debug_read_slot(const struct sr_debug *d, uint32_t slot, struct sr_slot *out);
bool sr_debug_read_detail(const struct sr_debug *d, uint32_t slot, struct sr_detail *out);
bool sr_debug_read_queue(const struct sr_debug *d, uint32_t at, uint32_t *slot);
/* A word of the region as it is now: the copy of the header may be too old. */
uint64_t sr_debug_read_again(const struct sr_debug *d, uint64_t at, size_t size);
#define SR_DEBUG_AGAIN(d, member) sr_debug_read_again(d, offsetof(struct sr_header, member), sizeof((d)->header.member))
/* Show a snapshot cell: "snapshot of version 3". */
void sr_debug_say_cell(struct sr_debug *d, uint32_t at, uint64_t cell);

/* sr_debug_header.c */
void sr_debug_header(struct sr_debug *d);
/* sr_debug_lanes.c */
void sr_debug_lanes(struct sr_debug *d);
void sr_debug_queue(struct sr_debug *d);
void sr_debug_notes(struct sr_debug *d);
void sr_debug_discards(struct sr_debug *d);
/* sr_debug_slot.c: the slots that options ask for. */
void sr_debug_slots(struct sr_debug *d);

#endif
