/*
 * verb_top.c - segctl top: what retired segments keep, and which processes keep it, as it changes.
 *
 * It reads the registry once a second, or less often if that takes long. Its lines fit 80 columns.
 */
#include <ctype.h>
#include <errno.h>
#include <ncurses.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segreg.h"
#include "common/now.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/process.h"
#include "segctl/top_draw.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_top = {
	.name = "top",
	.operands = "",
	.help = "Watch what is kept, and who keeps it",
	.exec = exec,
};

#define PERIOD_US 1000000
#define KEY_ESCAPE 27

/* ------------------------------------------------------------------ looking */

static int look(struct ctl_top_state *top)
{
	uint64_t begin = tool_now_us();
	int code;

	ctl_look_free(&top->look);
	top->stats = (struct segreg_stats){ .size = sizeof top->stats };
	code = segreg_stats(top->ctl->reg, &top->stats);
	if (code)
		top->look = (struct ctl_look){ .n_handles = 0 };
	else
		code = ctl_top_look(top->ctl, &top->choice, &top->look, &top->rows);
	top->looked_at = tool_now_us();
	top->took = top->looked_at - begin;
	top->is_fresh = true;
	return code;
}

static uint64_t period(const struct ctl_top_state *top)
{
	return 4 * top->took > PERIOD_US ? 4 * top->took : PERIOD_US;
}

static bool is_due(const struct ctl_top_state *top)
{
	return !top->is_fresh || tool_now_us() - top->looked_at >= period(top);
}

/* ------------------------------------------------------------------ evicting */

__attribute__((format(printf, 2, 3))) static void tell(struct ctl_top_state *top, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(top->message, sizeof top->message, format, args);
	va_end(args);
}

/* Ask whether the process under the cursor is to be evicted. Its handles are kept: the rows change meanwhile. */
static void ask_evict(struct ctl_top_state *top)
{
	const struct ctl_holder *holder;
	struct ctl_process process;

	if (top->choice.kind == CTL_TOP_SEGMENTS || !top->rows.n) {
		tell(top, "choose a process first: tab, or enter on a segment");
		return;
	}
	holder = &top->look.holders[top->rows.items[top->cursor].holder];
	if (holder->is_lease) {
		tell(top, "a lease ends by: segctl lease drop %s",
		     top->look.handles[top->look.order[holder->first]].label);
		return;
	}
	if (!holder->is_foreign && holder->pid == getpid()) {
		tell(top, "%" PRId64 " is segctl itself", holder->pid);
		return;
	}
	free(top->victims);
	top->victims = calloc(holder->n, sizeof *top->victims);
	top->n_victims = top->victims ? holder->n : 0;
	for (size_t i = 0; i < top->n_victims; i++)
		top->victims[i] = top->look.handles[top->look.order[holder->first + i]];
	if (!top->n_victims)
		return;
	ctl_process_find(&top->victims->holder, &process);
	tell(top, "Evict %" PRId64 " %s (%s): %" PRIu64 " pins, %" PRIu64 " snapshots? y, or any other key",
	     holder->pid, process.command, top->victims->label, holder->pins, holder->snapshots + holder->horizons);
	top->mode = CTL_TOP_QUESTION;
}

static void evict(struct ctl_top_state *top)
{
	uint64_t sum = 0, released;
	int code = 0;

	for (size_t i = 0; i < top->n_victims && !code; i++) {
		const struct segreg_holder *holder = &top->victims[i].holder;

		released = 0;
		code = segreg_evict(top->ctl->reg, holder->lane, holder->epoch, &released);
		code = code == SEGREG_E_NOENT ? 0 : code; /* the handle was closed meanwhile */
		sum += released;
	}
	if (code)
		tell(top, "%s", *segreg_last_error() ? segreg_last_error() : segreg_strerror(code));
	else
		tell(top, "evicted %" PRId64 ": %" PRIu64 " %s", top->victims->holder.pid, sum,
		     sum == 1 ? "pin or snapshot" : "pins and snapshots");
	top->is_fresh = false;
}

/* ------------------------------------------------------------------ keys */

static void show(struct ctl_top_state *top, enum ctl_top_kind kind)
{
	top->choice.kind = kind;
	*top->choice.filter = '\0';
	top->cursor = top->first = 0;
	top->key = UINT64_MAX;
	top->is_fresh = false;
}

static void go(struct ctl_top_state *top, int64_t by)
{
	int64_t at = (int64_t)top->cursor + by;

	top->cursor = at < 0 ? 0 : (size_t)at;
	if (top->cursor >= top->rows.n)
		top->cursor = top->rows.n ? top->rows.n - 1 : 0;
	top->key = top->rows.n ? top->rows.items[top->cursor].key : top->key;
}

static void type(struct ctl_top_state *top, int key)
{
	size_t length = strlen(top->typed);

	if (key == KEY_ESCAPE) {
		top->mode = CTL_TOP_ROWS;
	} else if (key == '\n' || key == KEY_ENTER) {
		strcpy(top->choice.filter, top->typed);
		top->mode = CTL_TOP_ROWS;
		top->cursor = top->first = 0;
		top->key = UINT64_MAX;
		top->is_fresh = false;
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		top->typed[length ? length - 1 : 0] = '\0';
	} else if (key > 0 && key < 256 && !iscntrl(key) && length + 1 < sizeof top->typed) {
		top->typed[length] = (char)key;
		top->typed[length + 1] = '\0';
	}
}

static void go_back(struct ctl_top_state *top)
{
	if (top->choice.kind == CTL_TOP_HOLDERS) {
		show(top, CTL_TOP_SEGMENTS);
		top->key = top->choice.segment;
	} else if (*top->choice.filter) {
		*top->choice.filter = '\0';
		top->is_fresh = false;
	}
}

/* Obey a key that moves the cursor. False: it is none. */
static bool obey_move(struct ctl_top_state *top, int key)
{
	int64_t page = LINES > CTL_TOP_HEAD ? LINES - CTL_TOP_HEAD : 1;

	switch (key) {
	case KEY_DOWN:
	case 'j':
		go(top, 1);
		return true;
	case KEY_UP:
	case 'k':
		go(top, -1);
		return true;
	case KEY_NPAGE:
		top->first += (size_t)page;
		go(top, page);
		return true;
	case KEY_PPAGE:
		go(top, -page);
		return true;
	case KEY_HOME:
	case 'g':
		go(top, INT32_MIN);
		return true;
	case KEY_END:
	case 'G':
		go(top, INT32_MAX);
		return true;
	default:
		return false;
	}
}

static void obey_row_key(struct ctl_top_state *top, int key)
{
	struct ctl_top_choice *choice = &top->choice;

	switch (key) {
	case 'h':
	case '?':
		top->mode = CTL_TOP_HELP;
		break;
	case '\t':
		show(top, choice->kind == CTL_TOP_SEGMENTS ? CTL_TOP_PROCESSES : CTL_TOP_SEGMENTS);
		break;
	case 's':
		choice->sort[choice->kind] = (choice->sort[choice->kind] + 1) % ctl_top_sorts(choice);
		top->is_fresh = false;
		break;
	case 'r':
		choice->is_reversed[choice->kind] = !choice->is_reversed[choice->kind];
		top->is_fresh = false;
		break;
	case '/':
	case 'f':
		strcpy(top->typed, choice->filter);
		top->mode = CTL_TOP_FILTER;
		break;
	case '\n':
	case KEY_ENTER:
		if (choice->kind == CTL_TOP_SEGMENTS && top->rows.n) {
			choice->segment = top->rows.items[top->cursor].key;
			show(top, CTL_TOP_HOLDERS);
		}
		break;
	case KEY_ESCAPE:
		go_back(top);
		break;
	case 'e':
		ask_evict(top);
		break;
	default:
		if (!obey_move(top, key))
			tell(top, "key %s does nothing; h shows the keys", keyname(key) ? keyname(key) : "?");
		break;
	}
}

/* Obey a key. False: end. */
static bool obey(struct ctl_top_state *top, int key)
{
	if (key == ERR || key == KEY_RESIZE) /* time has passed, or the terminal has another size */
		return true;
	*top->message = '\0';
	switch (top->mode) {
	case CTL_TOP_HELP:
		top->mode = CTL_TOP_ROWS;
		break;
	case CTL_TOP_FILTER:
		type(top, key);
		break;
	case CTL_TOP_QUESTION:
		top->mode = CTL_TOP_ROWS;
		if (key == 'y')
			evict(top);
		else
			tell(top, "nothing was evicted");
		break;
	case CTL_TOP_ROWS:
		if (key == 'q')
			return false;
		obey_row_key(top, key);
		break;
	}
	return true;
}

static int watch(struct ctl *ctl)
{
	struct ctl_top_state top = { .ctl = ctl, .key = UINT64_MAX };
	int code = 0;

	do {
		if (is_due(&top))
			code = look(&top);
		if (code)
			break;
		ctl_top_draw(&top);
		timeout((int)(period(&top) / 1000));
	} while (obey(&top, getch()));
	ctl_look_free(&top.look);
	free(top.rows.items);
	free(top.victims);
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
	set_escdelay(100);
	code = watch(ctl);
	endwin();
	delscreen(screen);
	return code ? ctl_fail(ctl, code) : EX_OK;
}
