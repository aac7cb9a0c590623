/*
 * verb_holders.c - segctl holders: lists the handles of the registry, what each holds, and what the end of its process
 * gives back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "segreg.h"
#include "common/format.h"
#include "common/now.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/look.h"
#include "segctl/parse.h"
#include "segctl/process.h"
#include "segctl/prose.h"
#include "segctl/table.h"

enum {
	PID,
	STATE,
	COMMAND,
	COMMAND_LINE,
	USER,
	UNIT,
	CGROUP,
	LABEL,
	EVICTED,
	PINS,
	SNAPSHOTS,
	HORIZONS,
	OLDEST,
	OLDEST_AGE,
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
			[STATE] = { "STATE", CTL_TEXT, 0, "running, stopped, traced (by a debugger), zombie or dead" },
			[COMMAND] = { "COMMAND", CTL_TEXT, 0, "the name of its program, if it can be seen from here" },
			[COMMAND_LINE] = { "COMMAND_LINE", CTL_TEXT, 0, "its program and arguments" },
			[USER] = { "USER", CTL_TEXT, 0, "whose it is" },
			[UNIT] = { "UNIT", CTL_TEXT, 0, "its systemd unit or container" },
			[CGROUP] = { "CGROUP", CTL_TEXT, 0, "its control group, which names its service or container" },
			[LABEL] = { "LABEL", CTL_TEXT, 0, "what it calls itself" },
			[EVICTED] = { "EVICTED", CTL_FLAG, 0, "segctl evict took away what it held" },
			[PINS] = { "PINS", CTL_NUMBER, 0, "its pins, or those on the segment that was asked for" },
			[SNAPSHOTS] = { "SNAPSHOTS", CTL_NUMBER, 0, "its snapshots, or those that hold that segment" },
			[HORIZONS] = { "HORIZONS", CTL_NUMBER, 0, "its horizons, or those that hold that segment" },
			[OLDEST] = { "OLDEST", CTL_NUMBER, 0, "the oldest version among those" },
			[OLDEST_AGE] = { "OLDEST_AGE", CTL_AGE, 0, "how old the oldest is at least" },
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

#define USUAL_COLUMNS "PID,STATE,COMMAND,USER,LABEL,PINS,SNAPSHOTS,HORIZONS,SEGMENTS,KEPT,ALONE,SINCE,ATTACHED"
#define USUAL_COLUMNS_OF_ONE "PID,COMMAND,USER,LABEL,PINS,SNAPSHOTS,HORIZONS,OLDEST,ATTACHED"

static struct libscols_line *add_row(struct ctl_table *table, const struct segreg_holder *holder, const char *label)
{
	struct libscols_line *row = ctl_table_add_row(table, NULL);
	struct ctl_process process;

	ctl_process_find(holder, &process);
	ctl_table_set(table, row, PID, (uint64_t)holder->pid);
	ctl_table_set_text(table, row, STATE, process.state);
	ctl_table_set_text(table, row, COMMAND, process.command);
	ctl_table_set_text(table, row, COMMAND_LINE, process.command_line);
	ctl_table_set_text(table, row, USER, process.user);
	ctl_table_set_text(table, row, UNIT, process.unit);
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

static int by_harm(const void *a, const void *b, void *arg)
{
	const struct ctl_handle *handles = arg, *x = &handles[*(const uint32_t *)a],
				*y = &handles[*(const uint32_t *)b];

	if (x->alone != y->alone)
		return x->alone < y->alone ? 1 : -1;
	if (x->held.bytes != y->held.bytes)
		return x->held.bytes < y->held.bytes ? 1 : -1;
	return (x > y) - (x < y);
}

static void add_handle(struct ctl_table *table, const struct ctl_handle *handle)
{
	struct libscols_line *row = add_row(table, &handle->holder, handle->label);

	ctl_table_set(table, row, OLDEST_AGE, (uint64_t)handle->oldest_since);
	ctl_table_set(table, row, SEGMENTS, handle->held.segments);
	ctl_table_set(table, row, KEPT, handle->held.bytes);
	ctl_table_set(table, row, ALONE, handle->alone);
	ctl_table_set(table, row, SINCE, (uint64_t)handle->held.since);
	ctl_table_set(table, row, SINCE_AT, (uint64_t)handle->held.since);
}

/* ------------------------------------------------------------------ for people */

/* A handle is two lines: its numbers, and below these its process. So 80 columns are enough. */
struct page {
	const struct ctl *ctl;
	bool with_lanes; /* a process has several handles, or a pid is that of several processes */
};

static bool has_repeated_pids(const struct ctl_look *look)
{
	for (size_t i = 1; i < look->n_handles; i++)
		if (look->handles[look->order[i]].holder.pid == look->handles[look->order[i - 1]].holder.pid)
			return true;
	for (size_t i = 0; i < look->n_holders; i++)
		if (look->holders[i].is_foreign && !look->holders[i].is_lease)
			return true;
	return false;
}

static const char *format_bytes(const struct page *page, uint64_t bytes, char buf[TOOL_SPAN_SIZE])
{
	if (!page->ctl->option['b'])
		return tool_format_bytes(bytes, buf);
	snprintf(buf, TOOL_SPAN_SIZE, "%" PRIu64, bytes);
	return buf;
}

static void print_head(const struct page *page)
{
	printf("%7s %-8s%s %5s %5s %5s %8s %9s %9s %5s\n", "PID", "USER", page->with_lanes ? "  LANE" : "", "PINS",
	       "SNAPS", "HORIZ", "SEGMENTS", "KEPT", "IF ENDED", "SINCE");
}

static void print_handle(const struct page *page, const struct ctl_handle *handle)
{
	const struct segreg_holder *holder = &handle->holder;
	char segments[TOOL_SPAN_SIZE], kept[TOOL_SPAN_SIZE], alone[TOOL_SPAN_SIZE], since[TOOL_SPAN_SIZE] = "-";
	char lane[16] = "", age[TOOL_SPAN_SIZE], oldest[96] = "", attached[TOOL_SPAN_SIZE];
	struct ctl_process process;
	int64_t now = tool_now_real();

	ctl_process_find(holder, &process);
	if (handle->held.since)
		tool_format_span(now - handle->held.since, since);
	if (page->with_lanes)
		snprintf(lane, sizeof lane, " %5" PRIu32, holder->lane);
	printf("%7" PRId64 " %-8s%s %5" PRIu64 " %5" PRIu64 " %5" PRIu64 " %8s %9s %9s %5s\n", holder->pid,
	       process.user, lane, holder->pins, holder->snapshots, holder->horizons,
	       tool_format_count(handle->held.segments, segments), format_bytes(page, handle->held.bytes, kept),
	       format_bytes(page, handle->alone, alone), since);
	if (holder->snapshots + holder->horizons)
		snprintf(oldest, sizeof oldest, "; oldest %s of version %" PRIu64 "%s%s%s",
			 holder->snapshots ? "snapshot" : "horizon", holder->oldest,
			 handle->oldest_since ? ", at least " : "",
			 handle->oldest_since ? tool_format_span(now - handle->oldest_since, age) : "",
			 handle->oldest_since ? " old" : "");
	ctl_prose_print("        ", "%s (%s)%s%s%s%s%s; attached %s ago%s%s", process.command_line, handle->label,
			*process.unit ? ", " : "", process.unit, *process.state ? ", " : "", process.state,
			holder->is_evicted ? ", evicted" : "", tool_format_span(now - holder->attached_at, attached),
			oldest, process.is_dead ? "; the next sweep takes it back: segctl sweep" : "");
}

/* ------------------------------------------------------------------ both */

static int list_all(struct ctl *ctl, struct ctl_table *table)
{
	const struct ctl_look_options options = { .n_rows = 0 };
	struct page page = { .ctl = ctl };
	struct ctl_look look;
	int code = ctl_look(ctl, &options, &look), status;

	page.with_lanes = !code && has_repeated_pids(&look); /* needs the order by process */
	if (!code && look.n_handles)
		qsort_r(look.order, look.n_handles, sizeof *look.order, by_harm, look.handles);
	if (!code && !table && !ctl->option['n'])
		print_head(&page);
	for (size_t i = 0; i < look.n_handles && !code; i++) {
		const struct ctl_handle *handle = &look.handles[look.order[i]];

		if (handle->is_lease)
			continue;
		if (table)
			add_handle(table, handle);
		else
			print_handle(&page, handle);
	}
	ctl_look_free(&look);
	status = code ? ctl_fail(ctl, code) : EX_OK;
	return status || !table ? status : ctl_table_print(table);
}

static int exec(struct ctl *ctl)
{
	bool for_people = !ctl->option['J'] && !ctl->option['R'] && !ctl->option['o'] && !ctl->n_operands;
	struct ctl_table *table;
	int status;

	if (for_people)
		return list_all(ctl, NULL);
	table = ctl_table_new(ctl, ctl->option['J'] ? NULL : ctl->n_operands ? USUAL_COLUMNS_OF_ONE : USUAL_COLUMNS);
	if (!table)
		return EX_USAGE;
	status = ctl->n_operands ? list_of(ctl, table) : list_all(ctl, table);
	ctl_table_free(table);
	return status;
}
