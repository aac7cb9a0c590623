/*
 * sr_inspect.c - once after each start: find live segments whose files are missing.
 */
#include "sweep/sr_inspect.h"
#include "registry/sr_enter.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"

#define BATCH 64u

struct look {
	uint32_t slot;
	uint64_t word, id;
	bool missing;
	char path[SEGREG_PATH_MAX + 1];
};

/* Copy the next live segments, from slot *from on. */
static int copy_live(struct segreg *reg, uint32_t *from, struct look look[BATCH], uint32_t *n)
{
	const struct sr_region *region = &reg->region;
	uint32_t top = sr_region_slot_top(region);
	int rc = sr_table_lock_take(reg);

	*n = 0;
	if (rc)
		return rc;
	for (; *from < top && *n < BATCH; ++*from) {
		struct look *l = &look[*n];

		l->slot = *from;
		l->word = sr_load_acquire_u64(&region->slots[*from].word);
		l->id = sr_load_acquire_u64(&region->slots[*from].id);
		*n += sr_word_state(l->word) == SR_LIVE && sr_paths_get(region, *from, l->path);
	}
	sr_table_lock_give(reg);
	return 0;
}

/*
 * Look for each segment on the disk, without a lock. Returns whether any is missing. One statx finds nearly all of
 * them. It may be led out of base, or fail otherwise, so the safe look has the last word on those that it misses.
 */
static bool look_at_disk(struct segreg *reg, struct look *look, uint32_t n)
{
	struct sr_base *base = &reg->registry->base;
	int dir = sr_base_fd(base);
	bool any = false;

	for (uint32_t i = 0; i < n; i++) {
		struct sr_identity identity;

		look[i].missing = (dir == -1 || sr_sys_identify(dir, look[i].path, &identity) == -1) &&
				  sr_base_identify(base, look[i].path, &identity) == SEGREG_E_NOENT;
		any |= look[i].missing;
	}
	return any;
}

static int mark(struct segreg *reg, const struct look *look, uint32_t n)
{
	struct sr_region *region = &reg->region;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < n; i++) {
		struct sr_detail *detail = &region->details[look[i].slot];

		if (!look[i].missing || sr_load_acquire_u64(&region->slots[look[i].slot].word) != look[i].word ||
		    detail->flags & SR_DETAIL_MISSING)
			continue;
		sr_store_relaxed_u8(&detail->flags, detail->flags | SR_DETAIL_MISSING);
		region->header->missing++;
	}
	sr_table_lock_give(reg);
	return 0;
}

int sr_inspect_live(struct segreg *reg, uint32_t *from, uint32_t wake, int64_t until,
		    bool (*fn)(void *arg, uint64_t id, const char *path), void *arg)
{
	struct sr_header *header = reg->region.header;
	struct look look[BATCH];
	uint32_t n;

	if (sr_load_acquire_u32(&header->verified))
		return 0;
	do {
		int rc = copy_live(reg, from, look, &n);

		if (!rc && look_at_disk(reg, look, n))
			rc = mark(reg, look, n);
		if (rc)
			return rc;
		for (uint32_t i = 0; i < n; i++)
			if (look[i].missing && !fn(arg, look[i].id, look[i].path))
				return 0;
		if (n && (sr_load_seqcst_u32(&header->wake) != wake || sr_sys_monotonic() >= until))
			return SR_INSPECT_MORE;
	} while (n);
	sr_store_release_u32(&header->verified, 1);
	return 0;
}
