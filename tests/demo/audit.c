/*
 * audit.c - what segreg says, beside what the file tree and the processes' own notes say.
 */
#include "audit.h"
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TRASH ".segreg-trash"
#define MARKER ".segreg"
#define LOCK ".segreg-lock"

/* ------------------------------------------------------------------ after a death */

static void below_base(const struct audit *audit, const char *name, char path[SEGREG_PATH_SIZE])
{
	snprintf(path, SEGREG_PATH_SIZE, "%s/%s", audit->base, name);
}

static void note_unfinished(void *arg, const char *name)
{
	struct audit *audit = arg;
	char path[SEGREG_PATH_SIZE];
	struct record *record;
	uint32_t maker, number;

	if (!segment_path_parse(name, &maker, &number) || audit->tally->worker[maker - 1].pid)
		return;
	record = &audit->tally->record[number];
	if (record->state != RECORD_NONE)
		return;
	below_base(audit, name, path);
	record->bytes = tree_usage(path);
	record->state = RECORD_UNFINISHED;
	audit->unfinished++;
}

void audit_unfinished(struct audit *audit)
{
	tree_entries(audit->base, note_unfinished, audit);
}

static int note_reserved(void *arg, const struct segreg_info *info)
{
	struct audit *audit = arg;
	char path[SEGREG_PATH_SIZE];

	if (info->state != SEGREG_BUILDING || audit->tally->record[segment_number(info->id)].state == RECORD_UNFINISHED)
		return 0;
	below_base(audit, info->path, path);
	audit->unfinished++;
	audit->untouched += access(path, F_OK) == -1;
	return 0;
}

int audit_reserved(struct audit *audit, struct segreg *reg)
{
	return segreg_list(reg, note_reserved, audit);
}

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

/* ------------------------------------------------------------------ the end */

/* Which segments segreg has, to be compared with the entries of base. */
struct inventory {
	struct audit *audit;
	struct segreg *reg;
	bool *known; /* by the segments' numbers */
};

static int check_live(void *arg, const struct segreg_info *info)
{
	struct inventory *inventory = arg;
	struct audit *audit = inventory->audit;
	char why[SEGMENT_WHY_SIZE];
	struct segment segment;
	struct segreg_pin pin;
	bool good = false;
	int rc;

	inventory->known[segment_number(info->id)] = true;
	audit->live++;
	rc = segreg_pin(inventory->reg, info->id, SEGREG_PIN_LIVE, &pin);
	if (rc)
		return rc;
	if (segment_open(inventory->reg, &pin, &segment, why)) {
		good = segment_check_all(&segment, why);
		segment_close(inventory->reg, &segment);
	}
	if (good)
		audit->intact++;
	else if (!audit->damage[0])
		snprintf(audit->damage, sizeof(audit->damage), "%s", why);
	return segreg_unpin(inventory->reg, &pin);
}

static void note_leak(struct audit *audit, const char *where, const char *name)
{
	if (audit->leaked++ == 0)
		snprintf(audit->leak, sizeof(audit->leak), "the first one: %s%s", where, name);
}

static void count_trash(void *arg, const char *name)
{
	struct inventory *inventory = arg;

	note_leak(inventory->audit, TRASH "/", name);
}

static void count_leaked(void *arg, const char *name)
{
	struct inventory *inventory = arg;
	char path[SEGREG_PATH_SIZE];
	uint32_t maker, number;

	if (strcmp(name, MARKER) == 0 || strcmp(name, LOCK) == 0)
		return;
	below_base(inventory->audit, name, path);
	if (strcmp(name, TRASH) == 0)
		tree_entries(path, count_trash, inventory);
	else if (!segment_path_parse(name, &maker, &number) || !inventory->known[number])
		note_leak(inventory->audit, "", name);
}

int audit_live_segments(struct audit *audit, struct segreg *reg)
{
	struct inventory inventory = { audit, reg, calloc(TALLY_SEGMENTS, sizeof(*inventory.known)) };
	int rc;

	if (!inventory.known)
		return SEGREG_E_NOMEM;
	rc = segreg_list(reg, check_live, &inventory);
	if (!rc && !tree_entries(audit->base, count_leaked, &inventory))
		rc = SEGREG_E_IO;
	free(inventory.known);
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

static void add_remains(void *arg, const char *name)
{
	struct remains *remains = arg;
	char path[SEGREG_PATH_SIZE];
	uint32_t maker, number;

	below_base(remains->audit, name, path);
	if (strcmp(name, TRASH) == 0) {
		tree_entries(path, add_trash, remains);
	} else if (segment_path_parse(name, &maker, &number) && remains->audit->tally->record[number].state) {
		remains->segments++;
		remains->bytes += tree_usage(path);
	}
}

void audit_disk(const struct audit *audit, struct disk *disk)
{
	struct remains remains = { .audit = audit };
	uint64_t bytes = 0;

	*disk = (struct disk){ .made = audit->untouched };
	for (uint32_t number = 0; number < audit->tally->segments; number++) {
		const struct record *record = &audit->tally->record[number];

		disk->made += record->state != RECORD_NONE;
		bytes += record->bytes;
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
	audit_unfinished(audit);
	audit_disk(audit, &disk);
	audit->uncounted = disk.gone - stats->deleted;
	audit->uncounted_bytes = disk.bytes_gone - stats->bytes_freed;
	audit->plausible = disk.gone >= stats->deleted && disk.bytes_gone >= stats->bytes_freed &&
			   (repaired || (audit->uncounted <= testimony->interrupted &&
					 audit->uncounted_bytes <= testimony->interrupted_bytes));
}
