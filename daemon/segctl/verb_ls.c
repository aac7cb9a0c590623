/*
 * verb_ls.c - segctl ls: list segments.
 *
 * A registry may have a million segments. So this keeps an id and a key of each, and prints the rows as it reads the
 * segments again in their order. A segment that is gone by then is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "common/now.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/order.h"
#include "segctl/parse.h"
#include "segctl/segments.h"
#include "segctl/select.h"
#include "segctl/suggest.h"
#include "segctl/table.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_ls = {
	.name = "ls",
	.operands = "",
	.help = "List segments",
	.options =
		(const struct ctl_option[]){
			{ 's', "state", "STATE", "only building, live, pending or deleting ones" },
			{ 'p', "path", "PATTERN", "only at or below this path, or matching '2026/*.sst'" },
			{ 'a', "older", "DURATION", "only those registered longer ago than DURATION" },
			{ 'A', "newer", "DURATION", "only those registered within the last DURATION" },
			{ 'e', "retired", "DURATION", "only those retired longer ago than DURATION" },
			{ 'S', "sort", "KEY", "by id, path, age, retired, pins, attempts, bytes, none" },
			{ 'l', "limit", "N", "only the first N" },
			{ 0 },
		},
	.columns = ctl_segments_columns,
	.array = "segments",
	.exec = exec,
};

#define USUAL_COLUMNS "ID,STATE,PINS,AGE,RETIRED,PATH"
#define CHUNK 1024 /* segments that are read again at once */

struct ls {
	struct ctl *ctl;
	struct ctl_table *table;
	struct ctl_order order;
	int64_t registered_before, registered_after, retired_before; /* INT64_MAX, 0, INT64_MAX: any time */
	uint64_t n_shown;
};

/* ------------------------------------------------------------------ choosing */

static bool is_at_path(const char *pattern, const char *path)
{
	size_t length = strlen(pattern);

	if (strpbrk(pattern, "*?["))
		return ctl_select_matches(pattern, path);
	while (length && pattern[length - 1] == '/')
		length--;
	return !strncmp(path, pattern, length) && (path[length] == '\0' || path[length] == '/' || !length);
}

static bool is_wanted(const struct ls *ls, const struct segreg_info *info)
{
	const char *state = ls->ctl->option['s'], *pattern = ls->ctl->option['p'];

	if (state && strcmp(state, segreg_state_name(info->state)) != 0)
		return false;
	if (info->registered_at > ls->registered_before || info->registered_at < ls->registered_after)
		return false;
	if (ls->retired_before != INT64_MAX && (!info->retired_at || info->retired_at > ls->retired_before))
		return false;
	return !pattern || is_at_path(pattern, info->path);
}

static int consider(void *arg, const struct segreg_info *info)
{
	struct ls *ls = arg;

	if (!is_wanted(ls, info) || ctl_order_add(&ls->order, info))
		return 0;
	return SEGREG_E_NOMEM;
}

static int show(void *arg, const struct segreg_info *info)
{
	struct ls *ls = arg;

	if (!is_wanted(ls, info))
		return 0;
	ctl_segments_add_row(ls->ctl, ls->table, info);
	return ctl_table_is_broken(ls->table) || (ls->order.limit && ++ls->n_shown == ls->order.limit);
}

/* Pending and deleting segments are few, and the registry has a queue of them. */
static int walk(struct ls *ls, segreg_list_fn *fn)
{
	const char *state = ls->ctl->option['s'];
	bool is_retired = state && (!strcmp(state, "pending") || !strcmp(state, "deleting"));
	int code = is_retired || ls->retired_before != INT64_MAX ? segreg_list_retired(ls->ctl->reg, fn, ls)
								 : segreg_list(ls->ctl->reg, fn, ls);

	return code > 0 ? 0 : code; /* show has ended the walk */
}

static int show_in_order(struct ls *ls)
{
	uint64_t ids[CHUNK];
	int code = walk(ls, consider);

	ctl_order_sort(&ls->order);
	for (size_t at = 0; at < ls->order.n && !code; at += CHUNK) {
		size_t n = ls->order.n - at < CHUNK ? ls->order.n - at : CHUNK;

		for (size_t i = 0; i < n; i++)
			ids[i] = ls->order.items[at + i].id;
		code = segreg_list_many(ls->ctl->reg, ids, n, show, ls);
	}
	return code > 0 ? 0 : code;
}

/* ------------------------------------------------------------------ the command line */

static bool is_state(const char *name)
{
	for (enum segreg_state state = SEGREG_BUILDING; state <= SEGREG_DELETING; state++)
		if (!strcmp(name, segreg_state_name(state)))
			return true;
	return false;
}

static bool parse_time(const struct ctl *ctl, char letter, int64_t *at)
{
	int64_t now = tool_now_real();
	uint64_t milliseconds;

	if (!ctl_parse_span(ctl, letter, &milliseconds))
		return false;
	if (ctl->option[(unsigned char)letter])
		*at = milliseconds < (uint64_t)now / 1000000 ? now - (int64_t)milliseconds * 1000000 : 0;
	return true;
}

static bool parse_sort(struct ls *ls)
{
	const char *key = ls->ctl->option['S'];
	struct ctl_suggest suggest;

	if (!key || ctl_order_parse(&ls->order, key))
		return true;
	ctl_suggest_begin(&suggest, key, strlen(key));
	for (size_t i = 0; i < CTL_ORDER_KEYS; i++)
		ctl_suggest_add(&suggest, ctl_order_names[i]);
	ctl_usage(ls->ctl, "option -S: '%s' is none of id, path, age, retired, pins, attempts, bytes and none%s", key,
		  ctl_suggest_end(&suggest, ""));
	return false;
}

static bool parse(struct ls *ls)
{
	const struct ctl *ctl = ls->ctl;
	uint32_t limit = 0;

	if (ctl->option['s'] && !is_state(ctl->option['s'])) {
		ctl_usage(ctl, "unknown state '%s'; it is building, live, pending or deleting", ctl->option['s']);
		return false;
	}
	if (!parse_time(ctl, 'a', &ls->registered_before) || !parse_time(ctl, 'A', &ls->registered_after) ||
	    !parse_time(ctl, 'e', &ls->retired_before) || !parse_sort(ls) || !ctl_parse_option(ctl, 'l', &limit))
		return false;
	ls->order.limit = limit;
	return true;
}

static int exec(struct ctl *ctl)
{
	struct ls ls = {
		.ctl = ctl,
		.order = { .ctl = ctl },
		.registered_before = INT64_MAX,
		.retired_before = INT64_MAX,
	};
	int code, status;

	if (!parse(&ls))
		return EX_USAGE;
	ls.table = ctl_table_new_stream(ctl, ctl->option['J'] ? USUAL_COLUMNS ",USER_BYTES" : USUAL_COLUMNS);
	if (!ls.table)
		return EX_USAGE;
	code = ls.order.by == CTL_ORDER_NONE ? walk(&ls, show) : show_in_order(&ls);
	status = code ? ctl_fail(ctl, code) : ctl_table_print(ls.table);
	ctl_order_free(&ls.order);
	ctl_table_free(ls.table);
	return status;
}
