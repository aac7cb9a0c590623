/*
 * verb_holders.c - segctl holders: lists the handles of the registry, what each holds, and what the end of its process
 * gives back.
 */
#include <stdlib.h>

#include "segreg.h"
#include "common/measure.h"
#include "segctl/blame.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/process.h"
#include "segctl/segments.h"
#include "segctl/table.h"

enum {
	PID,
	COMMAND,
	USER,
	CGROUP,
	LABEL,
	EVICTED,
	PINS,
	SNAPSHOTS,
	HORIZONS,
	OLDEST,
	SEGMENTS,
	KEPT,
	ALONE,
	SINCE,
	SINCE_AT,
	LANE,
	ATTACHED,
	ATTACHED_AT,
};

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_holders = {
	.name = "holders",
	.operands = "[SEGMENT]",
	.help = "List who has the registry open, or who holds ID",
	.max = 1,
	.columns =
		(const struct ctl_column[]){
			[PID] = { "PID", CTL_NUMBER, 0, "its process" },
			[COMMAND] = { "COMMAND", CTL_TEXT, 0, "the name of its program, if it can be seen from here" },
			[USER] = { "USER", CTL_TEXT, 0, "whose it is" },
			[CGROUP] = { "CGROUP", CTL_TEXT, 0, "its control group, which names its service or container" },
			[LABEL] = { "LABEL", CTL_TEXT, 0, "what it calls itself" },
			[EVICTED] = { "EVICTED", CTL_FLAG, 0, "segctl evict took away what it held" },
			[PINS] = { "PINS", CTL_NUMBER, 0, "its pins, or those on the segment that was asked for" },
			[SNAPSHOTS] = { "SNAPSHOTS", CTL_NUMBER, 0, "its snapshots, or those that hold that segment" },
			[HORIZONS] = { "HORIZONS", CTL_NUMBER, 0, "its horizons, or those that hold that segment" },
			[OLDEST] = { "OLDEST", CTL_NUMBER, 0, "the oldest version among those" },
			[SEGMENTS] = { "SEGMENTS", CTL_NUMBER, 0, "retired segments that it holds" },
			[KEPT] = { "KEPT", CTL_BYTES, 0, "disk space of those" },
			[ALONE] = { "ALONE", CTL_BYTES, 0, "of that, what comes back if its process ends" },
			[SINCE] = { "SINCE", CTL_AGE, 0, "how long ago the first of those was retired" },
			[SINCE_AT] = { "SINCE_AT", CTL_TIME, 0, "when the first of those was retired" },
			[LANE] = { "LANE", CTL_NUMBER, 0, "the number of its handle" },
			[ATTACHED] = { "ATTACHED", CTL_AGE, 0, "how long ago it opened the registry" },
			[ATTACHED_AT] = { "ATTACHED_AT", CTL_TIME, 0, "when it opened the registry" },
			{ 0 },
		},
	.array = "holders",
	.exec = exec,
};

#define USUAL_COLUMNS "PID,COMMAND,USER,LABEL,PINS,SNAPSHOTS,SEGMENTS,KEPT,ALONE,SINCE,ATTACHED"
#define USUAL_COLUMNS_OF_ONE "PID,COMMAND,USER,LABEL,PINS,SNAPSHOTS,HORIZONS,OLDEST,ATTACHED"

static struct libscols_line *add_row(struct ctl_table *table, const struct segreg_holder *holder, const char *label)
{
	struct libscols_line *row = ctl_table_add_row(table, NULL);
	struct ctl_process process;

	ctl_process_find(holder, &process);
	ctl_table_set(table, row, PID, (uint64_t)holder->pid);
	ctl_table_set_text(table, row, COMMAND, process.command);
	ctl_table_set_text(table, row, USER, process.user);
	ctl_table_set_text(table, row, CGROUP, process.cgroup);
	ctl_table_set_text(table, row, LABEL, label);
	ctl_table_set(table, row, EVICTED, (uint64_t)holder->is_evicted);
	ctl_table_set(table, row, PINS, holder->pins);
	ctl_table_set(table, row, SNAPSHOTS, holder->snapshots);
	ctl_table_set(table, row, HORIZONS, holder->horizons);
	if (holder->snapshots + holder->horizons)
		ctl_table_set(table, row, OLDEST, holder->oldest);
	ctl_table_set(table, row, LANE, holder->lane);
	ctl_table_set(table, row, ATTACHED, (uint64_t)holder->attached_at);
	ctl_table_set(table, row, ATTACHED_AT, (uint64_t)holder->attached_at);
	return row;
}

/* ------------------------------------------------------------------ of one segment */

static int add_holder(void *arg, const struct segreg_holder *holder)
{
	add_row(arg, holder, holder->label);
	return 0;
}

static int list_of(struct ctl *ctl, struct ctl_table *table)
{
	uint64_t id;
	int code, status = ctl_parse_segment(ctl, ctl->operand[0], &id);

	if (status)
		return status;
	code = segreg_holders(ctl->reg, id, add_holder, table);
	return code ? ctl_fail(ctl, code) : ctl_table_print(table);
}

/* ------------------------------------------------------------------ all */

static int by_harm(const void *a, const void *b)
{
	const struct ctl_culprit *x = a, *y = b;

	if (x->alone != y->alone)
		return x->alone < y->alone ? 1 : -1;
	if (x->held != y->held)
		return x->held < y->held ? 1 : -1;
	return (x->holder.lane > y->holder.lane) - (x->holder.lane < y->holder.lane);
}

static int blame_all(struct ctl *ctl, struct ctl_blame *blame, const struct ctl_segments *segments)
{
	int code = 0;

	for (size_t i = 0; i < segments->n && !code; i++) {
		const struct segreg_info *info = &segments->items[i].info;
		uint64_t bytes = 0;

		if (info->state != SEGREG_PENDING)
			continue;
		tool_measure_segment(segreg_base_path(ctl->reg), info, &bytes);
		code = ctl_blame_add(ctl, blame, info, bytes);
	}
	return code;
}

static int list_all(struct ctl *ctl, struct ctl_table *table)
{
	struct ctl_segments segments = { .n = 0 };
	struct ctl_blame blame;
	int code = ctl_blame_begin(ctl, &blame);

	if (!code)
		code = ctl_segments_load_retired(ctl, &segments);
	if (!code)
		code = blame_all(ctl, &blame, &segments);
	if (!code && blame.n)
		qsort(blame.culprits, blame.n, sizeof *blame.culprits, by_harm);
	for (size_t i = 0; i < blame.n && !code; i++) {
		const struct ctl_culprit *culprit = &blame.culprits[i];
		struct libscols_line *row = add_row(table, &culprit->holder, culprit->label);

		ctl_table_set(table, row, SEGMENTS, culprit->segments);
		ctl_table_set(table, row, KEPT, culprit->held);
		ctl_table_set(table, row, ALONE, culprit->alone);
		ctl_table_set(table, row, SINCE, (uint64_t)culprit->since);
		ctl_table_set(table, row, SINCE_AT, (uint64_t)culprit->since);
	}
	ctl_segments_free(&segments);
	ctl_blame_free(&blame);
	return code ? ctl_fail(ctl, code) : ctl_table_print(table);
}

static int exec(struct ctl *ctl)
{
	struct ctl_table *table = ctl_table_new(ctl, ctl->option['J']  ? NULL
						     : ctl->n_operands ? USUAL_COLUMNS_OF_ONE
								       : USUAL_COLUMNS);
	int status;

	if (!table)
		return EX_USAGE;
	status = ctl->n_operands ? list_of(ctl, table) : list_all(ctl, table);
	ctl_table_free(table);
	return status;
}
