/*
 * segments.c - the registry's segments as ls, show and why see them: copies, in order, and as a row of a table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "common/measure.h"
#include "segctl/bytes.h"
#include "segctl/ctl.h"
#include "segctl/segments.h"
#include "segctl/table.h"

/* ------------------------------------------------------------------ loading */

struct load {
	const struct ctl *ctl;
	bool (*keep)(const struct ctl *ctl, const struct segreg_info *info);
	struct ctl_segments *segments;
};

static int copy_info(void *arg, const struct segreg_info *info)
{
	struct load *load = arg;
	struct ctl_segments *segments = load->segments;
	struct ctl_segment *copy;

	if (load->keep && !load->keep(load->ctl, info))
		return 0;
	if (segments->n == segments->room) {
		size_t room = segments->room ? 2 * segments->room : 64;
		void *more = reallocarray(segments->items, room, sizeof *segments->items);

		if (!more)
			return SEGREG_E_NOMEM;
		segments->items = more;
		segments->room = room;
	}
	copy = &segments->items[segments->n];
	copy->info = *info;
	copy->path = strdup(info->path);
	copy->info.path = copy->path;
	if (!copy->path)
		return SEGREG_E_NOMEM;
	segments->n++;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct ctl_segment *x = a, *y = b;

	return (x->info.id > y->info.id) - (x->info.id < y->info.id);
}

static int sort(struct ctl_segments *segments, int code)
{
	if (!code && segments->n)
		qsort(segments->items, segments->n, sizeof *segments->items, by_id);
	return code;
}

int ctl_segments_load(const struct ctl *ctl, bool (*keep)(const struct ctl *, const struct segreg_info *),
		      struct ctl_segments *segments)
{
	struct load load = { .ctl = ctl, .keep = keep, .segments = segments };

	return sort(segments, segreg_list(ctl->reg, copy_info, &load));
}

int ctl_segments_load_retired(const struct ctl *ctl, struct ctl_segments *segments)
{
	struct load load = { .ctl = ctl, .segments = segments };

	return sort(segments, segreg_list_retired(ctl->reg, copy_info, &load));
}

int ctl_segments_load_one(const struct ctl *ctl, uint64_t id, struct ctl_segments *segments)
{
	return segreg_list_one(ctl->reg, id, copy_info, &(struct load){ .ctl = ctl, .segments = segments });
}

void ctl_segments_free(struct ctl_segments *segments)
{
	for (size_t i = 0; i < segments->n; i++)
		free(segments->items[i].path);
	free(segments->items);
}

/* ------------------------------------------------------------------ showing */

enum {
	ID,
	STATE,
	PINS,
	AGE,
	RETIRED,
	HELD,
	BYTES,
	TYPE,
	MISSING,
	WEAK,
	BUILDER,
	ABANDONED,
	ERROR,
	ATTEMPTS,
	RETRY_AT,
	BORN,
	GONE,
	REGISTERED_AT,
	RETIRED_AT,
	PATH,
	FULL_PATH,
	USER_BYTES,
};

const struct ctl_column ctl_segments_columns[] = {
	[ID] = { "ID", CTL_NUMBER, 0, "the segment's id" },
	[STATE] = { "STATE", CTL_TEXT, 0, "building, live, pending (retired) or deleting" },
	[PINS] = { "PINS", CTL_NUMBER, 0, "pins on it, over all processes" },
	[AGE] = { "AGE", CTL_AGE, 0, "how long ago it was registered" },
	[RETIRED] = { "RETIRED", CTL_AGE, 0, "how long ago it was retired" },
	[HELD] = { "HELD", CTL_AGE, 0, "how long ago a sweep found it held after that" },
	[BYTES] = { "BYTES", CTL_BYTES, 0, "disk space that deleting it gives back, measured now" },
	[TYPE] = { "TYPE", CTL_TEXT, 0, "dir or file" },
	[MISSING] = { "MISSING", CTL_FLAG, 0, "live, but not on the disk when a sweep looked" },
	[WEAK] = { "WEAK", CTL_FLAG, 0, "only its inode number tells it from what takes its place" },
	[BUILDER] = { "BUILDER", CTL_NUMBER, 0, "the process that reserved it and builds it" },
	[ABANDONED] = { "ABANDONED", CTL_FLAG, 0, "its builder is gone, and the next sweep deletes what it wrote" },
	[ERROR] = { "ERROR", CTL_TEXT, 0, "why its last deletion failed" },
	[ATTEMPTS] = { "ATTEMPTS", CTL_NUMBER, 0, "how often its deletion failed" },
	[RETRY_AT] = { "RETRY_AT", CTL_TIME, 0, "its deletion is not tried again before" },
	[BORN] = { "BORN", CTL_NUMBER, 0, "the version that registered it" },
	[GONE] = { "GONE", CTL_NUMBER, 0, "the version that retired it" },
	[REGISTERED_AT] = { "REGISTERED_AT", CTL_TIME, 0, "when it was registered, or reserved" },
	[RETIRED_AT] = { "RETIRED_AT", CTL_TIME, 0, "when it was retired" },
	[PATH] = { "PATH", CTL_TEXT, 0, "its path below the base directory" },
	[FULL_PATH] = { "FULL_PATH", CTL_TEXT, 0, "where it lies; that may be in the trash" },
	[USER_BYTES] = { "USER_BYTES", CTL_TEXT, 0, "bytes that the program gave it; unprintable ones are %NN" },
	{ 0 },
};

const char *ctl_segments_describe_error(const struct segreg_info *info)
{
	return info->error == ESTALE ? "its path is no longer what was registered" : strerror(info->error);
}

void ctl_segments_add_row(const struct ctl *ctl, struct ctl_table *table, const struct segreg_info *info)
{
	struct libscols_line *row = ctl_table_add_row(table, NULL);
	char path[TOOL_PLACE_SIZE], user[CTL_BYTES_TEXT];
	uint64_t bytes;

	ctl_table_set(table, row, ID, info->id);
	ctl_table_set_text(table, row, STATE, segreg_state_name(info->state));
	ctl_table_set(table, row, PINS, info->pins);
	ctl_table_set(table, row, AGE, (uint64_t)info->registered_at);
	ctl_table_set(table, row, RETIRED, (uint64_t)info->retired_at);
	ctl_table_set(table, row, HELD, (uint64_t)info->held_since);
	if (ctl_table_shows(table, BYTES) && tool_measure_segment(segreg_base_path(ctl->reg), info, &bytes))
		ctl_table_set(table, row, BYTES, bytes);
	ctl_table_set_text(table, row, TYPE, info->is_directory ? "dir" : "file");
	ctl_table_set(table, row, MISSING, (uint64_t)info->is_missing);
	ctl_table_set(table, row, WEAK, (uint64_t)info->is_weakly_identified);
	if (info->builder_pid)
		ctl_table_set(table, row, BUILDER, (uint64_t)info->builder_pid);
	ctl_table_set(table, row, ABANDONED, (uint64_t)info->is_abandoned);
	if (info->error)
		ctl_table_set_text(table, row, ERROR, ctl_segments_describe_error(info));
	ctl_table_set(table, row, ATTEMPTS, info->attempts);
	ctl_table_set(table, row, RETRY_AT, (uint64_t)info->retry_at);
	ctl_table_set(table, row, BORN, info->born);
	if (info->retired)
		ctl_table_set(table, row, GONE, info->retired);
	ctl_table_set(table, row, REGISTERED_AT, (uint64_t)info->registered_at);
	ctl_table_set(table, row, RETIRED_AT, (uint64_t)info->retired_at);
	ctl_table_set_text(table, row, PATH, info->path);
	if (ctl_table_shows(table, FULL_PATH)) {
		tool_measure_locate(segreg_base_path(ctl->reg), info, path);
		ctl_table_set_text(table, row, FULL_PATH, path);
	}
	if (info->user_size)
		ctl_table_set_text(table, row, USER_BYTES, ctl_bytes_write(info->user, info->user_size, user));
}
