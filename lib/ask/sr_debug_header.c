/*
 * sr_debug_header.c - showing what is in the header of a region.
 *
 * A number that bounds a part is checked against the limits.
 */
#include "ask/sr_debug.h"
#include "base/sr_uuid.h"

#include <inttypes.h>
#include <string.h>

static void say_identity(struct sr_debug *d)
{
	const struct sr_header *h = &d->header;
	uint64_t ours = sr_layout_fingerprint();
	char uuid[37];

	if (h->magic != SR_MAGIC)
		sr_debug_damage(d, "not %016llx: not a region, or not finished", (unsigned long long)SR_MAGIC);
	sr_debug_say(d, "magic", "%016" PRIx64, h->magic);
	if (h->fingerprint != ours)
		sr_debug_damage(d,
				"this library has %016" PRIx64
				": another version made this, or it is damaged; the rest "
				"is read as layout %u",
				ours, SR_LAYOUT_VERSION);
	sr_debug_say(d, "fingerprint", "%016" PRIx64, h->fingerprint);
	sr_uuid_format(h->uuid, uuid);
	sr_debug_say(d, "uuid", "%s", uuid);
	sr_debug_say(d, "lock_dev", "%" PRIu64, h->lock_dev);
	sr_debug_say(d, "lock_ino", "%" PRIu64, h->lock_ino);
	sr_debug_say(d, "pidns_dev", "%" PRIu64, h->pidns_dev);
	sr_debug_say(d, "pidns_ino", "%" PRIu64, h->pidns_ino);
	if (h->max_segments < 1 || h->max_segments > SEGREG_MAX_SEGMENTS)
		sr_debug_damage(d, "out of range: 1 to %u; lanes, queue, notes and slots cannot be found",
				SEGREG_MAX_SEGMENTS);
	sr_debug_say(d, "max_segments", "%u", h->max_segments);
	if (h->max_lanes < 1 || h->max_lanes > SEGREG_MAX_LANES)
		sr_debug_damage(d, "out of range: 1 to %u; lanes, queue, notes and slots cannot be found",
				SEGREG_MAX_LANES);
	sr_debug_say(d, "max_lanes", "%u", h->max_lanes);
	sr_debug_say_time(d, "built_at", h->built_at);
	if (h->ready > 1)
		sr_debug_damage(d, "out of range: 0 or 1");
	else if (!h->ready)
		sr_debug_remark(d, "its builder has not finished, or has died");
	sr_debug_say(d, "ready", "%u", h->ready);
}

/* What bounds a number of the header. */
enum bound {
	ANY,
	FLAG,
	SEGMENTS,
	LANES,
	INDEX_BITS,
	UNITS,
	FREE_SLOT,
	PART_0,
	TO_NOTES_MADE = PART_0 + SR_PARTS,
	BOUNDS
};

struct field {
	const char *name;
	uint16_t at;
	uint8_t size;
	uint8_t bound; /* enum bound */
};

#define AT(member) offsetof(struct sr_header, member)
/* clang-format off */
#define FIELD(member, bound) { #member, AT(member), sizeof(((struct sr_header *)0)->member), bound }
#define PART(part, which)    { "populated " #part, AT(populated) + (which) * 8, 8, PART_0 + (which) }
/* clang-format on */

static const struct field fields[] = {
	FIELD(starts, ANY),
	FIELD(index_bits, INDEX_BITS),
	FIELD(version, ANY),
	FIELD(txn, ANY),
	FIELD(wake, ANY),
	FIELD(waiters, ANY),
	FIELD(version_wake, ANY),
	FIELD(version_waiters, ANY),
	FIELD(work_asked, ANY),
	FIELD(work_answered, ANY),
	FIELD(version_asked, ANY),
	FIELD(version_answered, ANY),
	FIELD(letters, ANY),
	FIELD(gathering, ANY),
	FIELD(company, ANY),
	FIELD(calls, ANY),
	FIELD(sync_time, ANY),
	FIELD(db_bytes, ANY),
	FIELD(sync_total, ANY),
	FIELD(sync_most, ANY),
	FIELD(syncs, ANY),
	FIELD(slot_top, SEGMENTS),
	FIELD(slot_free, FREE_SLOT),
	FIELD(slots_used, SEGMENTS),
	FIELD(queue_length, SEGMENTS),
	FIELD(path_top, UNITS),
	FIELD(path_cursor, UNITS),
	FIELD(path_freed, ANY),
	FIELD(lane_top, LANES),
	FIELD(verified, FLAG),
	PART(slots, SR_PART_SLOTS),
	PART(details, SR_PART_DETAILS),
	PART(queue, SR_PART_QUEUE),
	PART(path_map, SR_PART_PATH_MAP),
	PART(paths, SR_PART_PATHS),
	PART(discards, SR_PART_DISCARDS),
	FIELD(index_bytes, ANY),
	FIELD(building, SEGMENTS),
	FIELD(live, SEGMENTS),
	FIELD(pending, SEGMENTS),
	FIELD(deleting, SEGMENTS),
	FIELD(failed, SEGMENTS),
	FIELD(missing, SEGMENTS),
	FIELD(retired_trees, SEGMENTS),
	FIELD(deleted, ANY),
	FIELD(bytes_freed, ANY),
	FIELD(reclaimed, ANY),
	FIELD(reclaimed_pins, ANY),
	FIELD(repairs, ANY),
	FIELD(notes_made, ANY),
	FIELD(notes_kept, TO_NOTES_MADE),
	FIELD(notes_lost, ANY),
};

static uint64_t value_of(const struct sr_header *header, const struct field *field)
{
	const unsigned char *at = (const unsigned char *)header + field->at;
	uint64_t wide = 0;
	uint32_t narrow = 0;

	if (field->size == sizeof(wide))
		memcpy(&wide, at, sizeof(wide));
	else
		memcpy(&narrow, at, sizeof(narrow));
	return field->size == sizeof(wide) ? wide : narrow;
}

static void check_field(struct sr_debug *d, const struct field *field, uint64_t value)
{
	const struct sr_header *h = &d->header;
	const struct sr_geometry *g = &d->geometry;
	uint64_t low = field->bound == INDEX_BITS ? SR_INDEX_MIN_BITS : 0;
	uint64_t most[BOUNDS] = {
		[ANY] = UINT64_MAX,
		[FLAG] = 1,
		[SEGMENTS] = g->max_segments,
		[LANES] = g->max_lanes,
		[INDEX_BITS] = g->index_max_bits,
		[UNITS] = g->path_units,
		[FREE_SLOT] = g->max_segments - 1,
		[TO_NOTES_MADE] = h->notes_made,
	};

	for (int part = 0; part < SR_PARTS; part++)
		most[PART_0 + part] = g->part_size[part];
	if (field->bound == FREE_SLOT && value == SR_NONE)
		sr_debug_remark(d, "SR_NONE: no free slot below slot_top");
	else if (field->bound == TO_NOTES_MADE && (value > h->notes_made || h->notes_made - value > SR_NOTES))
		sr_debug_damage(d, "out of range: notes_made is %" PRIu64 ", and %u notes fit", h->notes_made,
				SR_NOTES);
	else if (value < low || value > most[field->bound])
		sr_debug_damage(d, "out of range: %" PRIu64 " to %" PRIu64, low, most[field->bound]);
}

static void say_posted(struct sr_debug *d)
{
	for (uint32_t i = 0; i < SEGREG_MAX_LANES / 64; i++) {
		uint64_t word = d->header.posted[i];

		if (!word)
			continue;
		sr_debug_remark(d, "a bit for each lane from %u on whose letter may be waiting", i * 64);
		sr_debug_say(d, "posted", "%016" PRIx64, word);
	}
}

static void say_ring(struct sr_debug *d)
{
	uint32_t first = (uint32_t)(d->header.discards >> 32), n = (uint32_t)d->header.discards;

	if (first >= SR_DISCARDS || n > SR_DISCARDS)
		sr_debug_damage(d, "out of range: the ring has %u places", SR_DISCARDS);
	sr_debug_say(d, "discards", "%u from place %u on", n, first);
	sr_debug_say(d, "discards_since", "%" PRId64, d->header.discards_since);
	if (d->header.discards_error)
		sr_debug_remark(d, "%s", segreg_strerror(d->header.discards_error));
	sr_debug_say(d, "discards_error", "%" PRId32, d->header.discards_error);
}

void sr_debug_header(struct sr_debug *d)
{
	char base[SEGREG_PATH_SIZE];

	sr_debug_begin(d, "header", -1);
	say_identity(d);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		uint64_t value = value_of(&d->header, &fields[i]);

		if (d->has_geometry)
			check_field(d, &fields[i], value);
		sr_debug_say(d, fields[i].name, "%" PRIu64, value);
	}
	say_posted(d);
	say_ring(d);
	if (sr_image_read(&d->image, SR_PAGE, base, sizeof(base)))
		sr_debug_say_text(d, "base", base, sizeof(base));
}
