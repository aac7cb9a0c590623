/*
 * audit.c - what segreg says, beside what the file tree and the processes' own notes say.
 */
#include "audit.h"
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>

#define TRASH ".segreg-trash"
#define MARKER ".segreg"

/* ------------------------------------------------------------------ after a crash */

int audit_acknowledged(struct audit *audit, struct segreg *reg)
{
	for (uint32_t number = 0; number < audit->tally->segments; number++) {
		const struct record *record = &audit->tally->record[number];
		int live;

		if (record->state != RECORD_LIVE && record->state != RECORD_RETIRED)
			continue;
		live = segreg_is_live(reg, record->id);
		if (live < 0)
			return live;
		audit->acknowledged += record->state == RECORD_LIVE ? 1 : 2; /* a retired one was registered before */
		audit->lost += live != (record->state == RECORD_LIVE);
	}
	return 0;
}

/* The entries of base, and which of them segreg has as segments. */
struct inventory {
	struct audit *audit;
	bool *known; /* by the segments' numbers */
};

static bool inventory_make(struct inventory *inventory, struct audit *audit)
{
	inventory->audit = audit;
	inventory->known = calloc(TALLY_SEGMENTS, sizeof(*inventory->known));
	return inventory->known;
}

static int mark_known(void *arg, const struct segreg_info *info)
{
	struct inventory *inventory = arg;

	inventory->known[segment_number(info->id)] = true;
	return 0;
}

static void below_base(const struct audit *audit, const char *name, char path[SEGREG_PATH_SIZE])
{
	snprintf(path, SEGREG_PATH_SIZE, "%s/%s", audit->base, name);
}

static void remove_if_unfinished(void *arg, const char *name)
{
	struct inventory *inventory = arg;
	struct audit *audit = inventory->audit;
	char path[SEGREG_PATH_SIZE];
	uint32_t maker, number;

	if (!segment_path_parse(name, &maker, &number) || inventory->known[number] || audit->tally->worker[maker - 1].pid)
		return;
	below_base(audit, name, path);
	if (!tree_remove(path))
		return;
	audit->tally->record[number].state = RECORD_DISCARDED;
	audit->unfinished++;
}

/* Listed first and looked at second: what a dead maker had not registered by then, it never will. */
int audit_remove_unfinished(struct audit *audit, struct segreg *reg)
{
	struct inventory inventory;
	int rc;

	if (!inventory_make(&inventory, audit))
		return SEGREG_E_NOMEM;
	rc = segreg_list(reg, mark_known, &inventory);
	if (!rc && !tree_entries(audit->base, remove_if_unfinished, &inventory))
		rc = SEGREG_E_IO;
	free(inventory.known);
	return rc;
}

/* ------------------------------------------------------------------ the end */

static void complain(struct audit *audit, const char *what, const char *which)
{
	if (!audit->complaint[0])
		snprintf(audit->complaint, sizeof(audit->complaint), "%s: %s", what, which);
}

struct checking {
	struct inventory inventory;
	struct segreg *reg;
};

static int check_live(void *arg, const struct segreg_info *info)
{
	struct checking *checking = arg;
	struct audit *audit = checking->inventory.audit;
	char why[SEGMENT_WHY_SIZE];
	struct segment segment;
	struct segreg_pin pin;
	bool good = false;
	int rc;

	checking->inventory.known[segment_number(info->id)] = true;
	audit->live++;
	rc = segreg_pin(checking->reg, info->id, SEGREG_PIN_LIVE, &pin);
	if (rc)
		return rc;
	if (segment_open(checking->reg, &pin, &segment, why)) {
		good = segment_check_all(&segment, why);
		segment_close(checking->reg, &segment);
	}
	if (good)
		audit->intact++;
	else
		complain(audit, "damaged", why);
	return segreg_unpin(checking->reg, &pin);
}

static void count_trash(void *arg, const char *name)
{
	struct inventory *inventory = arg;

	inventory->audit->leaked++;
	complain(inventory->audit, "in the trash", name);
}

static void count_leaked(void *arg, const char *name)
{
	struct inventory *inventory = arg;
	char path[SEGREG_PATH_SIZE];
	uint32_t maker, number;

	if (strcmp(name, MARKER) == 0)
		return;
	below_base(inventory->audit, name, path);
	if (strcmp(name, TRASH) == 0) {
		tree_entries(path, count_trash, inventory);
	} else if (!segment_path_parse(name, &maker, &number) || !inventory->known[number]) {
		inventory->audit->leaked++;
		complain(inventory->audit, "leaked", name);
	}
}

int audit_live_segments(struct audit *audit, struct segreg *reg)
{
	struct checking checking = { .reg = reg };
	int rc;

	if (!inventory_make(&checking.inventory, audit))
		return SEGREG_E_NOMEM;
	rc = segreg_list(reg, check_live, &checking);
	if (!rc && !tree_entries(audit->base, count_leaked, &checking.inventory))
		rc = SEGREG_E_IO;
	free(checking.inventory.known);
	return rc;
}

/* ------------------------------------------------------------------ the disk's account */

struct remains {
	const struct audit *audit;
	uint64_t segments;
	uint64_t bytes;
};

static void add_trash(void *arg, const char *name)
{
	struct remains *remains = arg;
	char path[SEGREG_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/" TRASH "/%s", remains->audit->base, name);
	remains->segments++;
	remains->bytes += tree_usage(path);
}

static bool was_made(const struct record *record)
{
	return record->state != RECORD_NONE && record->state != RECORD_DISCARDED;
}

static void add_remains(void *arg, const char *name)
{
	struct remains *remains = arg;
	char path[SEGREG_PATH_SIZE];
	uint32_t maker, number;

	below_base(remains->audit, name, path);
	if (strcmp(name, TRASH) == 0) {
		tree_entries(path, add_trash, remains);
	} else if (segment_path_parse(name, &maker, &number) && was_made(&remains->audit->tally->record[number])) {
		remains->segments++;
		remains->bytes += tree_usage(path);
	}
}

void audit_disk(const struct audit *audit, struct disk *disk)
{
	struct remains remains = { .audit = audit };
	uint64_t bytes = 0;

	*disk = (struct disk){ 0 };
	for (uint32_t number = 0; number < audit->tally->segments; number++) {
		if (was_made(&audit->tally->record[number])) {
			disk->made++;
			bytes += audit->tally->record[number].bytes;
		}
	}
	tree_entries(audit->base, add_remains, &remains);
	disk->gone = disk->made - remains.segments;
	disk->bytes_gone = bytes - remains.bytes;
}

/* ------------------------------------------------------------------ segreg's word */

void audit_add_counters(struct audit *audit, const struct segreg_stats *stats)
{
	audit->deleted += stats->deleted;
	audit->bytes_freed += stats->bytes_freed;
	audit->reclaimed_pins += stats->reclaimed_pins;
}

void audit_crash(struct audit *audit, const struct testimony *testimony)
{
	const struct segreg_stats *stats = &testimony->stats;
	bool repaired = stats->repairs > 0;
	struct disk disk;

	audit_add_counters(audit, stats);
	audit_disk(audit, &disk);
	audit->uncounted = disk.gone - stats->deleted;
	audit->uncounted_bytes = disk.bytes_gone - stats->bytes_freed;
	audit->plausible = disk.gone >= stats->deleted && disk.bytes_gone >= stats->bytes_freed &&
			   (repaired || (audit->uncounted <= testimony->interrupted &&
					 audit->uncounted_bytes <= testimony->interrupted_bytes));
}
