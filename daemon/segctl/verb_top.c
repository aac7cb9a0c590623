/*
 * verb_top.c - segctl top: what retired segments keep, and which handles keep them, as it changes.
 *
 * It reads the registry once a second. Its lines fit 80 columns; the arrows scroll to lines that have no room.
 */
#include <errno.h>
#include <ncurses.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segreg.h"
#include "common/format.h"
#include "common/measure.h"
#include "common/now.h"
#include "common/served.h"
#include "common/text.h"
#include "segctl/blame.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/process.h"
#include "segctl/segments.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_top = {
	.name = "top",
	.operands = "",
	.help = "Watch what is kept, and who keeps it",
	.exec = exec,
};

#define PERIOD_MS 1000
#define HEAD_LINES 4

/* One look. */
struct look {
	struct segreg_stats stats;
	struct ctl_segments segments;
	uint64_t *bytes; /* of each */
	uint64_t sum;
	struct ctl_blame blame;
	struct tool_served served;
};

struct view {
	bool of_segments; /* else of holders */
	int first;        /* line, after scrolling */
};

static int look_at_segments(struct ctl *ctl, struct look *look)
{
	int code = ctl_segments_load_retired(ctl, &look->segments);

	look->bytes = calloc(look->segments.n + 1, sizeof *look->bytes);
	if (!code && !look->bytes)
		code = SEGREG_E_NOMEM;
	for (size_t i = 0; i < look->segments.n && !code; i++) {
		const struct segreg_info *info = &look->segments.items[i].info;

		tool_measure_segment(segreg_base_path(ctl->reg), info, &look->bytes[i]);
		look->sum += look->bytes[i];
		if (info->state == SEGREG_PENDING)
			code = ctl_blame_add(ctl, &look->blame, info, look->bytes[i]);
	}
	return code;
}

static int look_around(struct ctl *ctl, struct look *look)
{
	int code;

	*look = (struct look){ .stats = { .size = sizeof look->stats } };
	tool_served_read(ctl->dir, &look->served);
	code = segreg_stats(ctl->reg, &look->stats);
	if (!code)
		code = ctl_blame_begin(ctl, &look->blame);
	return code ? code : look_at_segments(ctl, look);
}

static void look_away(struct look *look)
{
	ctl_segments_free(&look->segments);
	ctl_blame_free(&look->blame);
	free(look->bytes);
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

static void draw_head(const struct ctl *ctl, const struct look *look, const struct view *view)
{
	char bytes[TOOL_SPAN_SIZE], freed[TOOL_SPAN_SIZE], text[TOOL_SERVED_TEXT];
	bool fails = look->served.is_running && *look->served.error;

	put_line(0,
		 "%s: %" PRIu64 " live, %" PRIu64 " pending, %" PRIu64 " deleting, %" PRIu64 " failed; %" PRIu64
		 " handles",
		 ctl->dir, look->stats.live, look->stats.pending, look->stats.deleting, look->stats.failed,
		 look->stats.lanes);
	put_line(1, "retired segments keep %s; %s freed in %" PRIu64 " deletions; %s",
		 tool_format_bytes(look->sum, bytes), tool_format_bytes(look->stats.bytes_freed, freed),
		 look->stats.deleted,
		 fails                     ? "segregd fails"
		 : look->served.is_running ? "segregd serves"
					   : "no segregd runs");
	put_line(2, "q quit, tab %s, arrows scroll%s%s", view->of_segments ? "holders" : "segments",
		 *look->served.error ? "; " : "", *look->served.error ? tool_served_describe(&look->served, text) : "");
	attron(A_REVERSE);
	if (view->of_segments)
		put_line(3, "%9s %8s %6s  %-10s %s", "BYTES", "RETIRED", "PINS", "STATE", "ID PATH");
	else
		put_line(3, "%9s %8s %6s  %-10s %s", "ALONE", "KEPT", "SEGS", "PID", "COMMAND (LABEL) USER");
	attroff(A_REVERSE);
}

static void draw_segment(int y, const struct look *look, size_t i)
{
	const struct segreg_info *info = &look->segments.items[i].info;
	char bytes[TOOL_SPAN_SIZE], age[TOOL_SPAN_SIZE];
	const char *state = info->error ? "failed" : info->is_abandoned ? "abandoned" : segreg_state_name(info->state);

	put_line(y, "%9s %8s %6" PRIu64 "  %-10s %" PRIu64 " %s", tool_format_bytes(look->bytes[i], bytes),
		 info->retired_at ? tool_format_span(tool_now_real() - info->retired_at, age) : "-", info->pins, state,
		 info->id, info->path);
}

static void draw_holder(int y, const struct ctl_culprit *culprit)
{
	char alone[TOOL_SPAN_SIZE], held[TOOL_SPAN_SIZE];
	struct ctl_process process;

	ctl_process_find(&culprit->holder, &process);
	put_line(y, "%9s %8s %6" PRIu64 "  %-10" PRId64 " %s (%s) %s%s", tool_format_bytes(culprit->alone, alone),
		 tool_format_bytes(culprit->held, held), culprit->segments, culprit->holder.pid, process.command,
		 culprit->label, process.user, culprit->holder.is_evicted ? ", evicted" : "");
}

static const struct look *sorted; /* for qsort */

static int by_bytes(const void *a, const void *b)
{
	size_t i = *(const size_t *)a, j = *(const size_t *)b; /* the segments are in the order of their ids */
	uint64_t x = sorted->bytes[i], y = sorted->bytes[j];

	return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

static int by_harm(const void *a, const void *b)
{
	const struct ctl_culprit *x = a, *y = b;

	return x->alone != y->alone ? (x->alone < y->alone) - (x->alone > y->alone)
				    : (x->held < y->held) - (x->held > y->held);
}

static void draw(const struct ctl *ctl, struct look *look, struct view *view)
{
	int n = (int)(view->of_segments ? look->segments.n : look->blame.n), lines = LINES - HEAD_LINES;
	size_t *order = calloc((size_t)n + 1, sizeof *order);

	if (view->first > n - lines)
		view->first = n > lines ? n - lines : 0;
	erase();
	draw_head(ctl, look, view);
	for (int i = 0; order && i < n; i++)
		order[i] = (size_t)i;
	sorted = look;
	if (order && view->of_segments)
		qsort(order, (size_t)n, sizeof *order, by_bytes);
	else if (look->blame.n)
		qsort(look->blame.culprits, look->blame.n, sizeof *look->blame.culprits, by_harm);
	for (int i = view->first; order && i < n && i - view->first < lines; i++) {
		int y = HEAD_LINES + i - view->first;

		if (view->of_segments)
			draw_segment(y, look, order[i]);
		else
			draw_holder(y, &look->blame.culprits[i]);
	}
	free(order);
	refresh();
}

/* ------------------------------------------------------------------ keys */

/* Obey a key. False: end. */
static bool obey(int key, struct view *view)
{
	switch (key) {
	case 'q':
		return false;
	case '\t':
		*view = (struct view){ .of_segments = !view->of_segments };
		break;
	case KEY_DOWN:
	case 'j':
		view->first++;
		break;
	case KEY_UP:
	case 'k':
		view->first -= view->first > 0;
		break;
	case KEY_NPAGE:
		view->first += LINES - HEAD_LINES;
		break;
	case KEY_PPAGE:
		view->first -= view->first < LINES - HEAD_LINES ? view->first : LINES - HEAD_LINES;
		break;
	case KEY_HOME:
		view->first = 0;
		break;
	default: /* a second has passed, or the terminal has another size */
		break;
	}
	return true;
}

static int watch(struct ctl *ctl)
{
	struct view view = { .of_segments = true };
	int code;

	do {
		struct look look;

		code = look_around(ctl, &look);
		if (!code)
			draw(ctl, &look, &view);
		look_away(&look);
	} while (!code && obey(getch(), &view));
	return code;
}

static int exec(struct ctl *ctl)
{
	SCREEN *screen;
	int code;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return ctl_error(ctl, EX_USAGE, "it needs a terminal; segctl why and segctl holders show the same");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return ctl_error(ctl, EX_UNAVAILABLE,
				 "this terminal (TERM=%s) cannot be drawn on; set TERM to what it is, or use segctl "
				 "why and segctl holders",
				 getenv("TERM") ? getenv("TERM") : "");
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	timeout(PERIOD_MS);
	code = watch(ctl);
	endwin();
	delscreen(screen);
	return code ? ctl_fail(ctl, code) : EX_OK;
}
