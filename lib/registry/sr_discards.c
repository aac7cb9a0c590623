/*
 * sr_discards.c - discards that are not durable yet.
 */
#include "registry/sr_discards.h"
#include "sys/sr_error.h"

#include <string.h>

/* The ring as the header has it, read once. */
struct ring {
	uint32_t first, n;
};

static struct ring read_ring(const struct sr_region *region)
{
	uint64_t word = sr_load_acquire_u64(&region->header->discards);

	return (struct ring){ .first = (uint32_t)(word >> 32), .n = (uint32_t)word };
}

static void write_ring(const struct sr_region *region, uint32_t first, uint32_t n)
{
	sr_store_release_u64(&region->header->discards, (uint64_t)first << 32 | n);
}

static bool is_damaged(struct ring ring)
{
	return ring.first >= SR_DISCARDS || ring.n > SR_DISCARDS;
}

uint32_t sr_discards_count(const struct sr_region *region)
{
	return read_ring(region).n;
}

bool sr_discards_may_have(const struct sr_record *record)
{
	return record->path_length <= SR_DISCARD_PATH && (!record->ino || record->fid || record->btime);
}

/* Give memory to n places from `first` on. */
static int populate(struct sr_region *region, uint32_t first, uint32_t n)
{
	uint32_t end = first + n < SR_DISCARDS ? first + n : SR_DISCARDS;

	return sr_region_grow(region, SR_PART_DISCARDS, end * sizeof(struct sr_discard));
}

int sr_discards_open(struct sr_region *region, size_t n, struct sr_discards_batch *batch)
{
	struct ring ring = read_ring(region);

	if (is_damaged(ring))
		return sr_region_damaged("discards");
	if (n > SR_DISCARDS - ring.n)
		return SR_DISCARDS_FULL;
	*batch = (struct sr_discards_batch){ .first = ring.first, .had = ring.n };
	return populate(region, ring.first, ring.n + (uint32_t)n);
}

void sr_discards_put(struct sr_region *region, struct sr_discards_batch *batch, const struct sr_record *record)
{
	struct sr_discard *at = &region->discards[(batch->first + batch->had + batch->n++) % SR_DISCARDS];

	at->version = sr_load_acquire_u64(&region->header->version);
	at->ino = record->ino;
	at->btime = record->btime;
	at->fid = record->fid;
	at->path_length = record->path_length;
	at->is_directory = record->is_directory;
	memcpy(at->path, record->path, record->path_length);
	SR_STOP("discards.adding");
}

bool sr_discards_close(const struct sr_region *region, const struct sr_discards_batch *batch)
{
	write_ring(region, batch->first, batch->had + batch->n);
	return !batch->had;
}

int sr_discards_copy(struct sr_region *region, struct sr_discard *out, uint32_t *n)
{
	struct ring ring = read_ring(region);
	int rc;

	*n = 0;
	if (is_damaged(ring))
		return sr_region_damaged("discards");
	rc = populate(region, ring.first, ring.n); /* they have memory, unless the header is damaged */
	if (rc)
		return rc;
	for (uint32_t i = 0; i < ring.n; i++)
		out[i] = region->discards[(ring.first + i) % SR_DISCARDS];
	*n = ring.n;
	return 0;
}

int sr_discards_have_above(struct sr_region *region, const char *path, bool *has)
{
	struct ring ring = read_ring(region);
	int rc = is_damaged(ring) ? sr_region_damaged("discards") : populate(region, ring.first, ring.n);

	*has = false;
	for (uint32_t i = 0; !rc && i < ring.n && !*has; i++) {
		const struct sr_discard *one = &region->discards[(ring.first + i) % SR_DISCARDS];
		size_t length = one->path_length;

		*has = one->is_directory && length <= SR_DISCARD_PATH && length < strlen(path) && path[length] == '/' &&
		       !memcmp(one->path, path, length);
	}
	return rc;
}

static bool is_left(const struct sr_discards_left *left, uint32_t i)
{
	return left->bits[i / 64] >> i % 64 & 1;
}

/* Move what is left of the first n discards behind all that is taken, the last one first. */
static void move_left(const struct sr_region *region, uint32_t first, uint32_t n, const struct sr_discards_left *left)
{
	uint32_t to = n;

	for (uint32_t i = n; i-- > 0;) {
		if (!is_left(left, i))
			continue;
		if (--to != i)
			region->discards[(first + to) % SR_DISCARDS] = region->discards[(first + i) % SR_DISCARDS];
		SR_STOP("discards.moved");
	}
}

/* Whether the discard's path is `path` or a directory above it. */
static bool is_at_or_above(const struct sr_discard *discard, const char *path)
{
	size_t length = discard->path_length;

	return length <= SR_DISCARD_PATH && !strncmp(discard->path, path, length) && strlen(path) >= length &&
	       (!path[length] || path[length] == '/');
}

int sr_discards_find(struct sr_region *region, const char *path, struct sr_record *record, bool *is_found)
{
	struct ring ring = read_ring(region);
	int rc;

	*is_found = false;
	if (is_damaged(ring))
		return sr_region_damaged("discards");
	rc = populate(region, ring.first, ring.n);
	for (uint32_t i = ring.n; !rc && i-- > 0 && !*is_found;) {
		const struct sr_discard *at = &region->discards[(ring.first + i) % SR_DISCARDS];

		if (!is_at_or_above(at, path))
			continue;
		*is_found = true;
		*record = (struct sr_record){
			.state = SR_PENDING,
			.ino = at->ino,
			.btime = at->btime,
			.fid = at->fid,
			.is_directory = at->is_directory,
			.path_length = at->path_length,
		};
		memcpy(record->path, path, at->path_length);
	}
	return rc;
}

/* An empty ring begins at its first place again, so that few discards need little memory. */
void sr_discards_drop(const struct sr_region *region, uint32_t n, const struct sr_discards_left *left)
{
	struct ring ring = read_ring(region);

	if (n > ring.n || left->n > n)
		n = ring.n;
	else if (left->n)
		move_left(region, ring.first, n, left);
	n -= left->n < n ? left->n : n;
	if (n < ring.n)
		write_ring(region, (ring.first + n) % SR_DISCARDS, ring.n - n);
	else
		write_ring(region, 0, 0);
}

void sr_discards_note(const struct sr_region *region, int rc)
{
	struct sr_header *header = region->header;

	if (!rc || !header->discards_since)
		sr_store_release_u64((uint64_t *)&header->discards_since, rc ? (uint64_t)sr_sys_realtime() : 0);
	sr_store_release_u32((uint32_t *)&header->discards_error, (uint32_t)rc);
}
