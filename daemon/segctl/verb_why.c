/*
 * verb_why.c - segctl why: what is retired or abandoned and still there, who keeps it, and its disk space.
 *
 * People get a report (report.c), --json gets all (report_json.c). --output, --raw and --noheadings make a table with a
 * row for each segment, process, user or unit. One segment is a record, with a table of its holders.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "common/format.h"
#include "common/measure.h"
#include "common/now.h"
#include "common/served.h"
#include "segctl/ctl.h"
#include "segctl/daemon.h"
#include "segctl/error.h"
#include "segctl/look.h"
#include "segctl/parse.h"
#include "segctl/process.h"
#include "segctl/reason.h"
#include "segctl/report.h"
#include "segctl/report_json.h"
#include "segctl/segments.h"
#include "segctl/shares.h"
#include "segctl/table.h"
#include "segctl/why_request.h"

enum {
	ID,
	STATE,
	PATH,
	KEPT,
	ALONE,
	SEGMENTS,
	RETIRED,
	RETIRED_AT,
	HELD_SINCE,
	RETRY_AT,
	PINS,
	SNAPSHOTS,
	HORIZONS,
	BUILDER,
	HOLDERS,
	WHY,
	PID,
	COMMAND,
	USER,
	UNIT,
	CGROUP,
	LABEL,
	LANE,
	PROCESSES,
	ATTACHED,
	ATTACHED_AT,
};

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_why = {
	.name = "why",
	.operands = "[SEGMENT]",
	.help = "Say why retired segments are still there, and who holds them",
	.max = 1,
	.options =
		(const struct ctl_option[]){
			{ 'a', "all", NULL, "all lines, not ten of each kind" },
			{ 'B', "by", "KIND", "only lines by holder, segment, user or unit" },
			{ 'l', "limit", "N", "print the first N lines of each kind" },
			{ 'O', "older", "TIME", "only what was retired that long ago: 90, 5m, 2h" },
			{ 'p', "pid", "PID", "only what this process holds" },
			{ 'u', "user", "USER", "only what processes of this user hold" },
			{ 0 },
		},
	.columns =
		(const struct ctl_column[]){
			[ID] = { "ID", CTL_NUMBER, 0, "the segment's id" },
			[STATE] = { "STATE", CTL_TEXT, 0, "building, live, pending (retired) or deleting" },
			[PATH] = { "PATH", CTL_TEXT, 0, "its path below the base directory" },
			[KEPT] = { "KEPT", CTL_BYTES, 0, "disk space that deletion will give back" },
			[ALONE] = { "ALONE", CTL_BYTES, 0, "of that, what comes back if these alone end" },
			[SEGMENTS] = { "SEGMENTS", CTL_NUMBER, 0, "how many retired segments they hold" },
			[RETIRED] = { "RETIRED", CTL_AGE, 0, "how long ago it, or the first, was retired" },
			[RETIRED_AT] = { "RETIRED_AT", CTL_TIME, 0, "when it, or the first of them, was retired" },
			[HELD_SINCE] = { "HELD_SINCE", CTL_TIME, 0, "when a sweep first found it held after that" },
			[RETRY_AT] = { "RETRY_AT", CTL_TIME, 0, "its deletion is not tried again before" },
			[PINS] = { "PINS", CTL_NUMBER, 0, "pins on it; all pins of a process" },
			[SNAPSHOTS] = { "SNAPSHOTS", CTL_NUMBER, 0, "snapshots that hold it; all of a process" },
			[HORIZONS] = { "HORIZONS", CTL_NUMBER, 0, "horizons that hold it; all of a process" },
			[BUILDER] = { "BUILDER", CTL_NUMBER, 0, "the process that reserved it and builds it" },
			[HOLDERS] = { "HOLDERS", CTL_TEXT, 0, "the processes that hold it, with their programs" },
			[WHY] = { "WHY", CTL_TREE, 0, "why it is there; of one segment, also who a holder is" },
			[PID] = { "PID", CTL_NUMBER, 0, "a holder's process" },
			[COMMAND] = { "COMMAND", CTL_TEXT, 0, "the name of its program, if it can be seen from here" },
			[USER] = { "USER", CTL_TEXT, 0, "whose it is" },
			[UNIT] = { "UNIT", CTL_TEXT, 0, "its systemd unit or container" },
			[CGROUP] = { "CGROUP", CTL_TEXT, 0, "its control group" },
			[LABEL] = { "LABEL", CTL_TEXT, 0, "what it calls itself" },
			[LANE] = { "LANE", CTL_NUMBER, 0, "the number of its handle, or of its first" },
			[PROCESSES] = { "PROCESSES", CTL_NUMBER, 0, "processes of the user or unit that hold some" },
			[ATTACHED] = { "ATTACHED", CTL_AGE, 0, "how long ago it opened the registry" },
			[ATTACHED_AT] = { "ATTACHED_AT", CTL_TIME, 0, "when it opened the registry" },
			{ 0 },
		},
	.array = "segments",
	.exec = exec,
};

#define RECORD_COLUMNS "ID,STATE,PATH,KEPT,RETIRED_AT,HELD_SINCE,RETRY_AT,PINS,SNAPSHOTS,HORIZONS,BUILDER,WHY"
#define HOLDER_COLUMNS "PID,COMMAND,USER,LABEL,PINS,SNAPSHOTS,HORIZONS,LANE,ATTACHED"
#define SEGMENT_ROWS "ID,KEPT,RETIRED,PATH,WHY"
#define PROCESS_ROWS "PID,COMMAND,USER,LABEL,KEPT,ALONE,SEGMENTS,RETIRED"
#define USER_ROWS "USER,PROCESSES,KEPT,ALONE,SEGMENTS,RETIRED"
#define UNIT_ROWS "UNIT,PROCESSES,KEPT,ALONE,SEGMENTS,RETIRED"

#define CHUNK 500 /* rows that a raw table keeps in memory */

/* ------------------------------------------------------------------ cells */

static void set_process(struct ctl_table *table, struct libscols_line *row, const struct segreg_holder *holder,
			const char *label)
{
	struct ctl_process process;

	ctl_process_find(holder, &process);
	if (holder->lane < CTL_LEASES) {
		ctl_table_set(table, row, PID, (uint64_t)holder->pid);
		ctl_table_set(table, row, LANE, holder->lane);
	}
	ctl_table_set_text(table, row, COMMAND, holder->lane < CTL_LEASES ? process.command : "(lease)");
	ctl_table_set_text(table, row, USER, process.user);
	ctl_table_set_text(table, row, UNIT, process.unit);
	ctl_table_set_text(table, row, CGROUP, process.cgroup);
	ctl_table_set_text(table, row, LABEL, label);
	ctl_table_set(table, row, ATTACHED, (uint64_t)holder->attached_at);
	ctl_table_set(table, row, ATTACHED_AT, (uint64_t)holder->attached_at);
}

static void set_holds(struct ctl_table *table, struct libscols_line *row, uint64_t pins, uint64_t snapshots,
		      uint64_t horizons)
{
	ctl_table_set(table, row, PINS, pins);
	ctl_table_set(table, row, SNAPSHOTS, snapshots);
	ctl_table_set(table, row, HORIZONS, horizons);
}

static void set_sum(struct ctl_table *table, struct libscols_line *row, const struct ctl_sum *sum, uint64_t alone)
{
	ctl_table_set(table, row, KEPT, sum->bytes);
	ctl_table_set(table, row, ALONE, alone);
	ctl_table_set(table, row, SEGMENTS, sum->segments);
	ctl_table_set(table, row, RETIRED, (uint64_t)sum->since);
	ctl_table_set(table, row, RETIRED_AT, (uint64_t)sum->since);
}

static void set_segment(struct ctl_table *table, struct libscols_line *row, const struct ctl_reason *reason)
{
	const struct segreg_info *info = reason->info;
	char why[CTL_REASON_SIZE];
	uint64_t bytes;

	ctl_table_set(table, row, ID, info->id);
	ctl_table_set_text(table, row, STATE, segreg_state_name(info->state));
	ctl_table_set_text(table, row, PATH, info->path);
	if (ctl_table_shows(table, KEPT) && tool_measure_segment(reason->base, info, &bytes))
		ctl_table_set(table, row, KEPT, bytes);
	ctl_table_set(table, row, RETIRED, (uint64_t)info->retired_at);
	ctl_table_set(table, row, RETIRED_AT, (uint64_t)info->retired_at);
	ctl_table_set(table, row, HELD_SINCE, (uint64_t)info->held_since);
	ctl_table_set(table, row, RETRY_AT, (uint64_t)info->retry_at);
	if (info->builder_pid)
		ctl_table_set(table, row, BUILDER, (uint64_t)info->builder_pid);
	set_holds(table, row, reason->pins, reason->snapshots, reason->horizons);
	ctl_reason_explain(reason, why, sizeof why);
	ctl_table_set_text(table, row, WHY, why);
}

/* ------------------------------------------------------------------ one segment */

struct holders {
	struct ctl_table *table;
	struct libscols_line *parent;
	unsigned n;
	uint64_t pins, snapshots, horizons; /* of all of them */
};

/* "2 pins, a snapshot of version 7". */
static const char *describe_hold(const struct segreg_holder *holder, char *what, size_t size)
{
	size_t length = ctl_reason_count(holder->pins, holder->snapshots, holder->horizons, 0, what, size);

	if (holder->snapshots + holder->horizons)
		snprintf(what + length, size - length, " of version %" PRIu64 "%s", holder->oldest,
			 holder->snapshots + holder->horizons > 1 ? " and later" : "");
	return what;
}

static int add_holder(void *arg, const struct segreg_holder *holder)
{
	struct holders *holders = arg;
	struct ctl_table *table = holders->table;
	struct libscols_line *row = ctl_table_add_row(table, holders->parent);
	char span[TOOL_SPAN_SIZE], what[160], why[512];
	struct ctl_process process;

	ctl_process_find(holder, &process);
	snprintf(why, sizeof why, "pid %" PRId64 " %s (%s), %s: %s, attached %s ago%s", holder->pid, process.command,
		 holder->label, process.user, describe_hold(holder, what, sizeof what),
		 tool_format_span(tool_now_real() - holder->attached_at, span),
		 process.is_dead ? "; the next sweep takes it back: segctl sweep" : "");
	ctl_table_set_text(table, row, WHY, why);
	set_process(table, row, holder, holder->label);
	set_holds(table, row, holder->pins, holder->snapshots, holder->horizons);
	holders->n++;
	holders->pins += holder->pins;
	holders->snapshots += holder->snapshots;
	holders->horizons += holder->horizons;
	return 0;
}

/* Print a record of one segment, and a table of its holders; or rows for both. */
static int print_one(struct ctl *ctl, const struct segreg_info *info)
{
	bool for_people = !ctl->option['J'] && !ctl->option['R'] && !ctl->option['o'];
	struct ctl_table *record = ctl_table_new(ctl, ctl->option['J'] ? NULL
						      : for_people     ? RECORD_COLUMNS
								       : SEGMENT_ROWS);
	struct holders holders = { .table = for_people ? ctl_table_new(ctl, HOLDER_COLUMNS) : record };
	struct tool_served served;
	char names[CTL_LEASE_NAMES];
	struct ctl_reason reason = {
		.info = info, .served = &served, .base = segreg_base_path(ctl->reg), .lease_names = names
	};
	int code, status = EX_USAGE;
	struct libscols_line *row;

	if (!record || !holders.table)
		goto out;
	tool_served_read(ctl->dir, &served);
	row = ctl_table_add_row(record, NULL);
	holders.parent = for_people ? NULL : row;
	code = segreg_holders(ctl->reg, info->id, add_holder, &holders);
	if (!code)
		code = ctl_reason_find_leases(ctl, info, &reason.leases, names);
	reason.pins = holders.pins;
	reason.snapshots = holders.snapshots;
	reason.horizons = holders.horizons;
	set_segment(record, row, &reason);
	if (code)
		status = ctl_fail(ctl, code);
	else
		status = for_people ? ctl_table_print_record(record) : ctl_table_print(record);
	if (!status && for_people && holders.n) {
		printf("\n");
		status = ctl_table_print(holders.table);
	}
out:
	if (holders.table != record)
		ctl_table_free(holders.table);
	ctl_table_free(record);
	return status;
}

static int explain_one(struct ctl *ctl)
{
	struct ctl_segments segments = { .n = 0 };
	uint64_t id;
	int code, status = ctl_parse_segment(ctl, ctl->operand[0], &id);

	if (status)
		return status;
	code = ctl_segments_load_one(ctl, id, &segments);
	status = code ? ctl_fail(ctl, code) : print_one(ctl, &segments.items[0].info);
	ctl_segments_free(&segments);
	return status;
}

/* ------------------------------------------------------------------ rows */

struct rows {
	struct ctl *ctl;
	const struct ctl_look *look;
	const struct ctl_row *row; /* of a segment */
	const char *standard;      /* columns */
	struct ctl_table *table;
	size_t n;
};

/* A raw table needs no widths, so it is printed piece by piece. */
static int begin_row(struct rows *rows)
{
	int status = EX_OK;

	if (rows->n && rows->n % CHUNK == 0 && rows->ctl->option['R'] && !rows->ctl->option['J']) {
		status = ctl_table_print(rows->table);
		ctl_table_free(rows->table);
		rows->ctl->option['n'] = "";
		rows->table = ctl_table_new(rows->ctl, rows->standard);
	}
	rows->n++;
	return rows->table ? status : EX_UNAVAILABLE;
}

static int add_segment(void *arg, const struct segreg_info *info)
{
	struct rows *rows = arg;
	const struct ctl_row *kept = rows->row;
	struct ctl_reason reason = { .info = info,
				     .pins = info->pins,
				     .snapshots = kept->snapshots,
				     .horizons = kept->horizons,
				     .leases = kept->leases,
				     .served = &rows->look->served,
				     .base = segreg_base_path(rows->ctl->reg) };
	struct libscols_line *row = ctl_table_add_row(rows->table, NULL);
	char names[2048];

	set_segment(rows->table, row, &reason);
	if (kept->group && ctl_table_shows(rows->table, HOLDERS))
		ctl_table_set_text(rows->table, row, HOLDERS,
				   ctl_report_name(rows->look, rows->look->groups[kept->group].process_set, 50, names,
						   sizeof names));
	return 0;
}

static int add_segments(struct rows *rows)
{
	int code = 0, status = EX_OK;

	for (size_t i = 0; i < rows->look->n_rows && !code && !status; i++) {
		rows->row = &rows->look->rows[i];
		status = begin_row(rows);
		if (!status)
			code = segreg_list_one(rows->ctl->reg, rows->row->id, add_segment, rows);
		code = code == SEGREG_E_NOENT ? 0 : code; /* deleted meanwhile */
	}
	return code ? ctl_fail(rows->ctl, code) : status;
}

static int add_processes(struct rows *rows, size_t limit)
{
	const struct ctl_look *look = rows->look;
	size_t n;
	uint32_t *ranked = ctl_report_rank(look, &n);
	int status = ranked ? EX_OK : ctl_fail(rows->ctl, SEGREG_E_NOMEM);

	for (size_t i = 0; i < n && i < limit && !status; i++) {
		const struct ctl_holder *holder = &look->holders[ranked[i]];
		const struct ctl_handle *first = &look->handles[look->order[holder->first]];
		struct libscols_line *row;

		status = begin_row(rows);
		row = status ? NULL : ctl_table_add_row(rows->table, NULL);
		set_process(rows->table, row, &first->holder, first->label);
		set_holds(rows->table, row, holder->pins, holder->snapshots, holder->horizons);
		set_sum(rows->table, row, &holder->held, holder->alone);
	}
	free(ranked);
	return status;
}

static int add_shares(struct rows *rows, bool by_unit, size_t limit)
{
	struct ctl_share *shares;
	size_t n;
	int code = ctl_shares_find(rows->look, by_unit, &shares, &n), status;

	status = code ? ctl_fail(rows->ctl, code) : EX_OK;
	for (size_t i = 0; i < n && i < limit && !status; i++) {
		struct libscols_line *row;

		status = begin_row(rows);
		row = status ? NULL : ctl_table_add_row(rows->table, NULL);
		ctl_table_set_text(rows->table, row, by_unit ? UNIT : USER, shares[i].name);
		ctl_table_set(rows->table, row, PROCESSES, shares[i].processes);
		set_sum(rows->table, row, &shares[i].held, shares[i].alone);
	}
	free(shares);
	return status;
}

static int print_rows(struct ctl *ctl, const struct ctl_look *look, enum ctl_by by, size_t limit)
{
	static const char *const standard[] = {
		[CTL_BY_ALL] = SEGMENT_ROWS, [CTL_BY_SEGMENT] = SEGMENT_ROWS, [CTL_BY_HOLDER] = PROCESS_ROWS,
		[CTL_BY_USER] = USER_ROWS,   [CTL_BY_UNIT] = UNIT_ROWS,
	};
	struct rows rows = { .ctl = ctl, .look = look, .standard = standard[by] };
	int status;

	rows.table = ctl_table_new(ctl, rows.standard);
	if (!rows.table)
		return EX_USAGE;
	if (by == CTL_BY_HOLDER)
		status = add_processes(&rows, limit);
	else if (by == CTL_BY_USER || by == CTL_BY_UNIT)
		status = add_shares(&rows, by == CTL_BY_UNIT, limit);
	else
		status = add_segments(&rows);
	if (!status)
		status = ctl_table_print(rows.table);
	ctl_table_free(rows.table);
	return status;
}

/* ------------------------------------------------------------------ all segments */

static int tell_nothing(struct ctl *ctl, const struct ctl_why *request)
{
	printf("Nothing is kept%s.\n", request->is_filtered ? " that matches" : ": no retired segment is left");
	if (!request->is_filtered)
		ctl_daemon_warn(ctl);
	return EX_OK;
}

static int explain_all(struct ctl *ctl)
{
	struct ctl_report_json json;
	struct ctl_why request;
	struct ctl_look look;
	int code, status;

	if (!ctl_why_parse(ctl, &request))
		return EX_USAGE;
	if (request.is_json) {
		ctl_report_json_begin(&json, segreg_base_path(ctl->reg));
		request.options.fn = ctl_report_json_segment;
		request.options.arg = &json;
	}
	code = ctl_look(ctl, &request.options, &look);
	if (!code && request.is_json)
		code = ctl_report_json_end(&json, &look);
	if (code)
		status = ctl_fail(ctl, code);
	else if (request.is_json)
		status = EX_OK;
	else if (request.is_table)
		status = print_rows(ctl, &look, request.by, request.limit);
	else if (!look.all.segments)
		status = tell_nothing(ctl, &request);
	else
		status = ctl_report_print(ctl, &look, request.by, request.limit, request.is_filtered);
	ctl_look_free(&look);
	return status;
}

static int exec(struct ctl *ctl)
{
	return ctl->n_operands ? explain_one(ctl) : explain_all(ctl);
}
