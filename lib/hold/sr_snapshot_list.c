/*
 * sr_snapshot_list.c - the segments of a snapshot in an order, and one of them by its id.
 *
 * A list collects slots, sorts them, and then reads each slot once more. The snapshot holds its segments, so each slot
 * serves the same segment both times. A segment that is unregistered by force in between is not shown.
 *
 * Shared memory may be damaged, and paths there may change under a sort. So the sort compares private copies alone.
 */
#include "hold/sr_snapshot.h"
#include "sys/sr_call.h"
#include "sys/sr_error.h"
#include "registry/sr_enter.h"
#include "shm/sr_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct item {
	uint64_t key; /* SEGREG_BY_ID: the id. SEGREG_BY_PATH: where the path begins in struct list's paths */
	uint32_t slot;
	uint32_t length; /* of the path */
};

struct list {
	enum segreg_order order;
	struct item *items;
	size_t n, room; /* in items */
	char *paths;    /* one behind the other, without NULs */
	size_t length, size;
};

/* Make room for `wants` more elements of memory that has n and has room for *room. */
static void *grown(void *memory, size_t n, size_t wants, size_t *room, size_t element)
{
	size_t larger = *room * 2 > n + wants ? *room * 2 : n + wants + 63;
	void *more;

	if (n + wants <= *room)
		return memory;
	more = sr_sys_realloc(memory, larger * element);
	if (more)
		*room = larger;
	return more;
}

static int fail_memory(const struct list *list)
{
	return sr_fail(SEGREG_E_NOMEM, "no memory to sort more than %zu segments", list->n);
}

static int add_item(struct list *list, uint32_t slot, const struct segreg_entry *entry)
{
	size_t length = list->order == SEGREG_BY_PATH ? strlen(entry->path) : 0;
	void *items = grown(list->items, list->n, 1, &list->room, sizeof(*list->items)), *paths;

	if (!items)
		return fail_memory(list);
	list->items = items;
	paths = grown(list->paths, list->length, length, &list->size, 1);
	if (length && !paths)
		return fail_memory(list);
	list->paths = paths;
	list->items[list->n++] = (struct item){
		.key = length ? list->length : entry->id,
		.slot = slot,
		.length = (uint32_t)length,
	};
	if (length)
		memcpy(list->paths + list->length, entry->path, length);
	list->length += length;
	return 0;
}

static int collect(struct segreg *reg, const struct segreg_snapshot *snapshot, struct list *list)
{
	uint32_t top = sr_region_slot_top(&reg->region);
	struct segreg_entry entry = { .size = sizeof(entry) };
	int rc = 0;

	for (uint32_t slot = 0; slot < top && !rc; slot++)
		if (sr_snapshot_look(&reg->region, slot, snapshot->version, &entry))
			rc = add_item(list, slot, &entry);
	return rc;
}

static int by_id(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static int by_path(const void *a, const void *b, void *paths)
{
	const struct item *x = a, *y = b;
	int order =
		memcmp((char *)paths + x->key, (char *)paths + y->key, x->length < y->length ? x->length : y->length);

	return order ? order : (x->length > y->length) - (x->length < y->length);
}

static void sort(struct list *list)
{
	if (list->order == SEGREG_BY_ID)
		qsort(list->items, list->n, sizeof(*list->items), by_id);
	else
		qsort_r(list->items, list->n, sizeof(*list->items), by_path, list->paths);
}

/* Segments that an eviction let go are missing in a list: so after each look the snapshot must be held. */
static int show(struct segreg *reg, const struct segreg_snapshot *snapshot, const struct list *list,
		segreg_snapshot_fn *fn, void *arg)
{
	struct segreg_entry entry = { .size = sizeof(entry) };
	int rc = 0;

	for (size_t i = 0; i < list->n && !rc; i++) {
		bool is_there = sr_snapshot_look(&reg->region, list->items[i].slot, snapshot->version, &entry);

		rc = sr_snapshot_check(reg, snapshot);
		if (!rc && is_there)
			rc = fn(arg, &entry);
	}
	return rc;
}

int sr_snapshot_list(struct segreg *reg, const struct segreg_snapshot *snapshot, enum segreg_order order,
		     segreg_snapshot_fn *fn, void *arg)
{
	const struct segreg_snapshot listed = *snapshot; /* fn may release the caller's */
	struct list list = { .order = order };
	int rc = sr_snapshot_check(reg, &listed);

	if (!rc)
		rc = collect(reg, &listed, &list);
	SR_STOP("snapshot.collected");
	if (!rc)
		rc = sr_snapshot_check(reg, &listed);
	if (!rc && list.n) {
		sort(&list);
		rc = show(reg, &listed, &list, fn, arg);
	}
	free(list.items);
	free(list.paths);
	return rc;
}

static bool find(const struct sr_region *region, uint64_t id, uint64_t version, struct segreg_entry *entry)
{
	uint32_t slot = sr_table_find(region, id);

	return slot != SR_NONE && sr_snapshot_look(region, slot, version, entry) && entry->id == id;
}

/* Look under the table lock, where a miss is final. */
static SR_COLD int find_slowly(struct segreg *reg, const struct segreg_snapshot *snapshot, uint64_t id,
			       struct segreg_entry *entry)
{
	SR_UNCANCELLED();
	bool found;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	found = find(&reg->region, id, snapshot->version, entry);
	sr_table_lock_give(reg);
	rc = sr_snapshot_check(reg, snapshot);
	if (rc || found)
		return rc;
	return sr_fail(SEGREG_E_NOENT, "version %" PRIu64 " has no segment %" PRIu64, snapshot->version, id);
}

int sr_snapshot_find(struct segreg *reg, const struct segreg_snapshot *snapshot, uint64_t id,
		     struct segreg_entry *entry)
{
	int rc = sr_snapshot_check(reg, snapshot);

	if (rc)
		return rc;
	SR_STOP("snapshot.finding");
	return find(&reg->region, id, snapshot->version, entry) ? 0 : find_slowly(reg, snapshot, id, entry);
}
