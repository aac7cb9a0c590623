/*
 * top_rows.c - the rows that segctl top shows: of segments, of processes, or of the processes that hold one segment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segctl/process.h"
#include "segctl/top_rows.h"

enum { BY_SIZE, BY_AGE, BY_PINS, BY_SNAPSHOTS, BY_ID, SEGMENT_SORTS };
enum { BY_ALONE, BY_KEPT, BY_COUNT, BY_SINCE, BY_PID, PROCESS_SORTS };

static const char *const segment_sorts[] = { "size", "age", "pins", "snapshots", "id" };
static const char *const process_sorts[] = { "alone", "kept", "segments", "age", "pid" };

unsigned ctl_top_sorts(const struct ctl_top_choice *choice)
{
	return choice->kind == CTL_TOP_SEGMENTS ? SEGMENT_SORTS : PROCESS_SORTS;
}

const char *ctl_top_sort_name(const struct ctl_top_choice *choice)
{
	return (choice->kind == CTL_TOP_SEGMENTS ? segment_sorts : process_sorts)[choice->sort[choice->kind]];
}

/* ------------------------------------------------------------------ sorting */

/* qsort_r gives it to the comparisons. */
struct order {
	const struct ctl_look *look;
	unsigned sort;
	bool is_reversed;
};

static int more(uint64_t x, uint64_t y)
{
	return (x < y) - (x > y);
}

/* The older first; 0, which is no time, last. */
static int older(int64_t x, int64_t y)
{
	return !x != !y ? !x - !y : (x > y) - (x < y);
}

static int compare_segments(const void *a, const void *b, void *arg)
{
	const struct ctl_top_row *x = a, *y = b;
	const struct order *order = arg;
	int sign = order->is_reversed ? -1 : 1, result = 0;

	switch (order->sort) {
	case BY_SIZE:
		result = more(x->bytes, y->bytes);
		break;
	case BY_AGE:
		result = older(x->retired_at, y->retired_at);
		break;
	case BY_PINS:
		result = more(x->pins, y->pins);
		break;
	case BY_SNAPSHOTS:
		result = more(x->snapshots, y->snapshots);
		break;
	default:
		break;
	}
	return sign * (result ? result : more(y->key, x->key));
}

static int compare_processes(const void *a, const void *b, void *arg)
{
	const struct order *order = arg;
	const struct ctl_holder *x = &order->look->holders[((const struct ctl_top_row *)a)->holder];
	const struct ctl_holder *y = &order->look->holders[((const struct ctl_top_row *)b)->holder];
	int sign = order->is_reversed ? -1 : 1, result = 0;

	switch (order->sort) {
	case BY_ALONE:
		result = more(x->alone, y->alone);
		break;
	case BY_COUNT:
		result = more(x->held.segments, y->held.segments);
		break;
	case BY_SINCE:
		result = older(x->held.since, y->held.since);
		break;
	case BY_PID:
		result = more((uint64_t)y->pid, (uint64_t)x->pid);
		break;
	default:
		break;
	}
	result = result ? result : more(x->held.bytes, y->held.bytes);
	return sign * (result ? result : (x > y) - (x < y));
}

/* ------------------------------------------------------------------ rows */

static struct ctl_top_row *add(struct ctl_top_rows *rows)
{
	if (rows->n == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 64;
		void *items = reallocarray(rows->items, room, sizeof *rows->items);

		if (!items)
			return NULL;
		rows->items = items;
		rows->room = room;
	}
	return &rows->items[rows->n++];
}

struct gather {
	const struct ctl_top_choice *choice;
	struct ctl_top_rows *rows;
	uint32_t group; /* CTL_TOP_HOLDERS: of the segment */
};

static bool has_text(const struct ctl_top_choice *choice, const char *text)
{
	return !*choice->filter || strcasestr(text, choice->filter);
}

static int add_segment(void *arg, const struct ctl_look *look, const struct ctl_kept *kept)
{
	struct gather *gather = arg;
	const struct segreg_info *info = kept->info;
	char text[SEGREG_PATH_MAX + 64];
	struct ctl_top_row *row;

	(void)look;
	if (gather->choice->kind == CTL_TOP_HOLDERS && info->id == gather->choice->segment) {
		gather->group = kept->group;
		gather->rows->is_gone = false;
	}
	if (gather->choice->kind != CTL_TOP_SEGMENTS)
		return 0;
	snprintf(text, sizeof text, "%s %" PRIu64 " %s", segreg_state_name(info->state), info->id, info->path);
	if (!has_text(gather->choice, text))
		return 0;
	row = add(gather->rows);
	if (!row)
		return SEGREG_E_NOMEM;
	row->key = info->id;
	row->bytes = kept->bytes;
	row->is_measured = kept->is_measured;
	row->retired_at = info->retired_at;
	row->pins = info->pins;
	row->snapshots = kept->snapshots + kept->horizons + kept->leases;
	return 0;
}

static bool process_has_text(const struct ctl_top_choice *choice, const struct ctl_handle *handle)
{
	struct ctl_process process;
	char text[1536];

	if (!*choice->filter)
		return true;
	if (handle->is_lease) {
		snprintf(text, sizeof text, "lease %s", handle->label);
		return has_text(choice, text);
	}
	ctl_process_find(&handle->holder, &process);
	snprintf(text, sizeof text, "%" PRId64 " %s %s %s %s %s", handle->holder.pid, process.command_line,
		 handle->label, process.user, process.unit, process.state);
	return has_text(choice, text);
}

static int add_processes(const struct gather *gather, const struct ctl_look *look)
{
	for (uint32_t i = 0; i < look->n_holders; i++) {
		const struct ctl_handle *first = &look->handles[look->order[look->holders[i].first]];
		struct ctl_top_row *row;

		if (gather->choice->kind == CTL_TOP_HOLDERS &&
		    !ctl_set_has(ctl_sets_get(&look->process_sets, look->groups[gather->group].process_set), i))
			continue;
		if (!process_has_text(gather->choice, first))
			continue;
		row = add(gather->rows);
		if (!row)
			return SEGREG_E_NOMEM;
		row->key = first->holder.lane;
		row->holder = i;
	}
	return 0;
}

int ctl_top_look(const struct ctl *ctl, const struct ctl_top_choice *choice, struct ctl_look *look,
		 struct ctl_top_rows *rows)
{
	struct gather gather = { .choice = choice, .rows = rows };
	const struct ctl_look_options options = { .fn = add_segment, .arg = &gather };
	struct order order = { .look = look,
			       .sort = choice->sort[choice->kind],
			       .is_reversed = choice->is_reversed[choice->kind] };
	int code;

	rows->n = 0;
	rows->is_gone = choice->kind == CTL_TOP_HOLDERS;
	code = ctl_look(ctl, &options, look);
	if (!code && choice->kind != CTL_TOP_SEGMENTS && !rows->is_gone)
		code = add_processes(&gather, look);
	if (!code && rows->n)
		qsort_r(rows->items, rows->n, sizeof *rows->items,
			choice->kind == CTL_TOP_SEGMENTS ? compare_segments : compare_processes, &order);
	return code;
}
