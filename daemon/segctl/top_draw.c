/*
 * top_draw.c - the screen of segctl top.
 */
#include <inttypes.h>
#include <ncurses.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/now.h"
#include "common/served.h"
#include "common/text.h"
#include "segctl/process.h"
#include "segctl/top_draw.h"

/* Find the row of the cursor again, and scroll to it. */
static void follow(struct ctl_top_state *top)
{
	size_t lines = LINES > CTL_TOP_HEAD ? (size_t)(LINES - CTL_TOP_HEAD) : 1;

	if (top->cursor >= top->rows.n || top->rows.items[top->cursor].key != top->key)
		for (size_t i = 0; i < top->rows.n && top->key != UINT64_MAX; i++)
			if (top->rows.items[i].key == top->key) {
				top->cursor = i;
				break;
			}
	if (top->cursor >= top->rows.n)
		top->cursor = top->rows.n ? top->rows.n - 1 : 0;
	if (top->cursor < top->first)
		top->first = top->cursor;
	if (top->cursor >= top->first + lines)
		top->first = top->cursor - lines + 1;
	if (top->first + lines > top->rows.n)
		top->first = top->rows.n > lines ? top->rows.n - lines : 0;
}

/* ------------------------------------------------------------------ drawing */

/* A line, cut off at the edge, control characters escaped. */
__attribute__((format(printf, 2, 3))) static void put_line(int y, const char *format, ...)
{
	va_list args;
	char *line;

	va_start(args, format);
	line = tool_text_vformat(format, args);
	va_end(args);
	if (line && y < LINES) {
		move(y, 0);
		clrtoeol();
		addnstr(line, COLS);
	}
	free(line);
}

static void draw_hint(const struct ctl_top_state *top)
{
	char n[TOOL_SPAN_SIZE], text[TOOL_SERVED_TEXT], position[96] = "no rows";
	size_t lines = LINES > CTL_TOP_HEAD ? (size_t)(LINES - CTL_TOP_HEAD) : 1;
	size_t last = top->first + lines < top->rows.n ? top->first + lines : top->rows.n;

	if (top->rows.n)
		snprintf(position, sizeof position, "%zu-%zu of %s", top->first + 1, last,
			 tool_format_count(top->rows.n, n));
	if (top->mode == CTL_TOP_FILTER)
		put_line(2, "filter: %s_", top->typed);
	else if (*top->message)
		put_line(2, "%s", top->message);
	else
		put_line(2, "%s by %s%s%s%s; h help, q quit%s%s", position, ctl_top_sort_name(&top->choice),
			 top->choice.is_reversed[top->choice.kind] ? ", reversed" : "",
			 *top->choice.filter ? ", with " : "", top->choice.filter, *top->look.served.error ? "; " : "",
			 *top->look.served.error ? tool_served_describe(&top->look.served, text) : "");
}

static void draw_head(const struct ctl_top_state *top)
{
	const struct segreg_stats *stats = &top->stats;
	char bytes[TOOL_SPAN_SIZE], freed[TOOL_SPAN_SIZE];
	bool fails = top->look.served.is_running && *top->look.served.error;

	put_line(0,
		 "%s: %" PRIu64 " live, %" PRIu64 " pending, %" PRIu64 " deleting, %" PRIu64 " failed; %" PRIu64 " %s",
		 top->ctl->dir, stats->live, stats->pending, stats->deleting, stats->failed, stats->lanes,
		 stats->lanes == 1 ? "handle" : "handles");
	put_line(1, "retired segments keep %s; %s freed in %" PRIu64 " %s; %s",
		 tool_format_bytes(top->look.all.bytes, bytes), tool_format_bytes(stats->bytes_freed, freed),
		 stats->deleted, stats->deleted == 1 ? "deletion" : "deletions",
		 fails                         ? "segregd fails"
		 : top->look.served.is_running ? "segregd serves"
					       : "no segregd runs");
	draw_hint(top);
	attron(A_UNDERLINE);
	if (top->choice.kind == CTL_TOP_SEGMENTS)
		put_line(3, "%9s %8s %6s %6s  %-10s %s", "BYTES", "RETIRED", "PINS", "SNAPS", "STATE", "ID PATH");
	else if (top->choice.kind == CTL_TOP_PROCESSES)
		put_line(3, "%9s %9s %8s %5s  %7s %s", "ALONE", "KEPT", "SEGMENTS", "SINCE", "PID",
			 "COMMAND (LABEL) USER");
	else
		put_line(3, "%9s %9s %8s %5s  %7s HOLDERS OF SEGMENT %" PRIu64, "ALONE", "KEPT", "SEGMENTS", "SINCE",
			 "PID", top->choice.segment);
	attroff(A_UNDERLINE);
}

struct line {
	int y;
	const struct ctl_top_row *row;
};

static int draw_segment(void *arg, const struct segreg_info *info)
{
	const struct line *line = arg;
	const struct ctl_top_row *row = line->row;
	char bytes[TOOL_SPAN_SIZE] = "-", age[TOOL_SPAN_SIZE] = "-";
	const char *state = info->error ? "failed" : info->is_abandoned ? "abandoned" : segreg_state_name(info->state);

	if (row->is_measured)
		tool_format_bytes(row->bytes, bytes);
	if (info->retired_at)
		tool_format_span(tool_now_real() - info->retired_at, age);
	put_line(line->y, "%9s %8s %6" PRIu64 " %6" PRIu64 "  %-10s %" PRIu64 " %s", bytes, age, row->pins,
		 row->snapshots, state, info->id, info->path);
	return 0;
}

static void draw_process(const struct ctl_top_state *top, int y, const struct ctl_top_row *row)
{
	const struct ctl_holder *holder = &top->look.holders[row->holder];
	const struct ctl_handle *first = &top->look.handles[top->look.order[holder->first]];
	char alone[TOOL_SPAN_SIZE], kept[TOOL_SPAN_SIZE], n[TOOL_SPAN_SIZE], since[TOOL_SPAN_SIZE] = "-";
	struct ctl_process process;
	const char *state;

	if (holder->held.since)
		tool_format_span(tool_now_real() - holder->held.since, since);
	if (holder->is_lease) {
		put_line(y, "%9s %9s %8s %5s  %7s %s", tool_format_bytes(holder->alone, alone),
			 tool_format_bytes(holder->held.bytes, kept), tool_format_count(holder->held.segments, n),
			 since, "lease", first->label);
		return;
	}
	ctl_process_find(&first->holder, &process);
	state = process.is_dead || !strcmp(process.state, "running") ? "" : process.state;
	put_line(y, "%9s %9s %8s %5s  %7" PRId64 " %s (%s) %s%s%s%s%s%s", tool_format_bytes(holder->alone, alone),
		 tool_format_bytes(holder->held.bytes, kept), tool_format_count(holder->held.segments, n), since,
		 holder->pid, process.command, first->label, process.user, *state ? ", " : "", state,
		 first->holder.is_evicted ? ", evicted" : "", *process.unit ? ", " : "", process.unit);
}

static void draw_rows(const struct ctl_top_state *top)
{
	if (top->rows.is_gone)
		put_line(CTL_TOP_HEAD, "segment %" PRIu64 " is not retired, or deleted; escape: back",
			 top->choice.segment);
	for (size_t i = top->first; i < top->rows.n && (int)(i - top->first) < LINES - CTL_TOP_HEAD; i++) {
		const struct ctl_top_row *row = &top->rows.items[i];
		struct line line = { .y = CTL_TOP_HEAD + (int)(i - top->first), .row = row };

		if (i == top->cursor)
			attron(A_REVERSE);
		if (top->choice.kind != CTL_TOP_SEGMENTS)
			draw_process(top, line.y, row);
		else if (segreg_list_one(top->ctl->reg, row->key, draw_segment, &line))
			put_line(line.y, "%31s  %-10s %" PRIu64, "", "gone", row->key);
		attroff(A_REVERSE);
	}
}

static void draw_help(void)
{
	static const char *const lines[] = {
		"q             end",
		"h, ?          this help; any key goes back",
		"tab           segments, or processes",
		"up, down      the row above, the row below (k, j)",
		"page up/down  a screen up, a screen down",
		"home, end     the first row, the last row (g, G)",
		"enter         of a segment: the processes that hold it",
		"escape        back from there; without a filter otherwise",
		"s             sort by the next column",
		"r             sort the other way round",
		"/, f          show only rows with a text: path, id, state; pid, command, user",
		"e             of a process: take away what it holds, after a question",
	};

	erase();
	for (int i = 0; i < (int)(sizeof lines / sizeof *lines); i++)
		put_line(i, "%s", lines[i]);
	refresh();
}

void ctl_top_draw(struct ctl_top_state *top)
{
	if (top->mode == CTL_TOP_HELP) {
		draw_help();
		return;
	}
	follow(top);
	top->key = top->rows.n ? top->rows.items[top->cursor].key : top->key;
	erase();
	draw_head(top);
	draw_rows(top);
	refresh();
}
