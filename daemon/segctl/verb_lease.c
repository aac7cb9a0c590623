/*
 * verb_lease.c - segctl lease: puts, drops and lists retention leases, which outlive processes and restarts.
 */
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "common/measure.h"
#include "common/number.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/process.h"
#include "segctl/segments.h"
#include "segctl/select.h"
#include "segctl/table.h"

enum {
	NAME,
	FLOOR,
	LISTED,
	SEGMENTS,
	KEPT,
	AGE,
	PUT_AT,
	CHANGED,
	CHANGED_AT,
	BY_PID,
	BY_USER,
	BY_LABEL,
};

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_lease = {
	.name = "lease",
	.operands = "put|drop|ls [NAME [SEGMENT...]]",
	.help = "Hold segments in a name that outlives processes and restarts",
	.min = 1,
	.max = -1,
	.options =
		(const struct ctl_option[]){
			{ 'f', "floor", "VERSION", "put: hold what is retired after VERSION, not after now" },
			{ 'l', "listed", NULL, "put: hold the listed segments alone" },
			{ 0 },
		},
	.columns =
		(const struct ctl_column[]){
			[NAME] = { "NAME", CTL_TEXT, 0, "its name" },
			[FLOOR] = { "FLOOR", CTL_NUMBER, 0, "it holds what is retired after this version" },
			[LISTED] = { "LISTED", CTL_NUMBER, 0, "segments that it lists" },
			[SEGMENTS] = { "SEGMENTS", CTL_NUMBER, 0, "retired segments that it holds" },
			[KEPT] = { "KEPT", CTL_BYTES, 0, "disk space of those" },
			[AGE] = { "AGE", CTL_AGE, 0, "how long ago it was put" },
			[PUT_AT] = { "PUT_AT", CTL_TIME, 0, "when it was put" },
			[CHANGED] = { "CHANGED", CTL_AGE, 0, "how long ago it was changed last" },
			[CHANGED_AT] = { "CHANGED_AT", CTL_TIME, 0, "when it was changed last" },
			[BY_PID] = { "BY_PID", CTL_NUMBER, 0, "the process that changed it last" },
			[BY_USER] = { "BY_USER", CTL_TEXT, 0, "the user of that process" },
			[BY_LABEL] = { "BY_LABEL", CTL_TEXT, 0, "what that process called itself" },
			{ 0 },
		},
	.array = "leases",
	.exec = exec,
};

#define USUAL_COLUMNS "NAME,FLOOR,LISTED,SEGMENTS,KEPT,AGE,CHANGED,BY_LABEL"

/* ------------------------------------------------------------------ put and drop */

/* What a lease can hold, of what a range or pattern matches. */
static bool can_be_held(const struct segreg_info *info)
{
	return info->state == SEGREG_LIVE || info->state == SEGREG_PENDING;
}

static int put_selected(struct ctl *ctl, const char *name, const struct ctl_selection *selection)
{
	struct segreg_lease_item *items = calloc(selection->n + 1, sizeof *items);
	uint64_t floor = ctl->option['l'] ? SEGREG_LEASE_LISTED : SEGREG_LEASE_NOW;
	int code = 0, status = items ? EX_OK : ctl_error(ctl, EX_OSERR, "out of memory");

	if (ctl->option['f'] && !tool_parse_number(ctl->option['f'], SEGREG_LEASE_LISTED - 1, &floor))
		status = ctl_usage(ctl, "'%s' is not a version; segctl stats shows the current one", ctl->option['f']);
	for (size_t i = 0; i < selection->n && !status && !code; i++)
		code = ctl_select_find(ctl, &selection->items[i], &items[i].id);
	if (!status && !code)
		code = segreg_lease_put(ctl->reg, name, floor, items, selection->n);
	free(items);
	return status ? status : code ? ctl_fail(ctl, code) : EX_OK;
}

static int put(struct ctl *ctl, const char *name, char **segments, int n)
{
	struct ctl of_segments = *ctl;
	struct ctl_selection selection;
	int status;

	of_segments.operand = segments;
	of_segments.n_operands = n;
	status = ctl_select(&of_segments, n, can_be_held, &selection);
	if (!status)
		status = put_selected(ctl, name, &selection);
	ctl_select_free(&selection);
	return status;
}

static int run_put(struct ctl *ctl)
{
	if (ctl->n_operands < 2)
		return ctl_usage(ctl, "the name of the lease is missing");
	if (ctl->option['l'] && ctl->option['f'])
		return ctl_usage(ctl, "--listed and --floor exclude each other");
	if (ctl->option['l'] && ctl->n_operands < 3)
		return ctl_usage(ctl, "with --listed the lease needs segments");
	return put(ctl, ctl->operand[1], ctl->operand + 2, ctl->n_operands - 2);
}

static int run_drop(struct ctl *ctl)
{
	int status = EX_OK;

	if (ctl->n_operands < 2)
		return ctl_usage(ctl, "the name of the lease is missing");
	for (int i = 1; i < ctl->n_operands; i++) {
		int code = segreg_lease_drop(ctl->reg, ctl->operand[i]);

		if (code)
			status = ctl_fail(ctl, code);
	}
	return status;
}

/* ------------------------------------------------------------------ ls */

/* The rows of a list, one for each lease. */
struct list {
	struct ctl *ctl;
	struct ctl_table *table;
	struct ctl_segments retired;
	uint64_t *bytes; /* of each retired segment; NULL: not wanted */
	size_t n;
};

static bool is_wanted(const struct ctl *ctl, const struct segreg_lease *lease)
{
	for (int i = 1; i < ctl->n_operands; i++)
		if (!strcmp(ctl->operand[i], lease->name))
			return true;
	return ctl->n_operands == 1;
}

static void count_kept(const struct list *list, const struct segreg_lease *lease, uint64_t *segments, uint64_t *bytes)
{
	*segments = *bytes = 0;
	for (size_t i = 0; i < list->retired.n; i++) {
		const struct segreg_info *info = &list->retired.items[i].info;

		if (info->state != SEGREG_PENDING || !segreg_lease_holds(lease, info->id, info->born, info->retired))
			continue;
		*segments += 1;
		*bytes += list->bytes ? list->bytes[i] : 0;
	}
}

static int add_row(void *arg, const struct segreg_lease *lease)
{
	struct list *list = arg;
	struct libscols_line *row;
	char user[64];
	uint64_t segments, bytes;

	if (!is_wanted(list->ctl, lease))
		return 0;
	list->n++;
	row = ctl_table_add_row(list->table, NULL);
	count_kept(list, lease, &segments, &bytes);
	ctl_process_find_user(lease->by_uid, user);
	ctl_table_set_text(list->table, row, NAME, lease->name);
	if (lease->floor != SEGREG_LEASE_LISTED)
		ctl_table_set(list->table, row, FLOOR, lease->floor);
	ctl_table_set(list->table, row, LISTED, lease->n);
	ctl_table_set(list->table, row, SEGMENTS, segments);
	ctl_table_set(list->table, row, KEPT, bytes);
	ctl_table_set(list->table, row, AGE, (uint64_t)lease->put_at);
	ctl_table_set(list->table, row, PUT_AT, (uint64_t)lease->put_at);
	ctl_table_set(list->table, row, CHANGED, (uint64_t)lease->changed_at);
	ctl_table_set(list->table, row, CHANGED_AT, (uint64_t)lease->changed_at);
	ctl_table_set(list->table, row, BY_PID, (uint64_t)lease->by_pid);
	ctl_table_set_text(list->table, row, BY_USER, user);
	ctl_table_set_text(list->table, row, BY_LABEL, lease->by_label);
	return 0;
}

static int measure(struct list *list)
{
	list->bytes = calloc(list->retired.n + 1, sizeof *list->bytes);
	if (!list->bytes)
		return ctl_error(list->ctl, EX_OSERR, "out of memory");
	for (size_t i = 0; i < list->retired.n; i++)
		tool_measure_segment(segreg_base_path(list->ctl->reg), &list->retired.items[i].info, &list->bytes[i]);
	return EX_OK;
}

static int run_list(struct ctl *ctl)
{
	struct list list = { .ctl = ctl, .table = ctl_table_new(ctl, ctl->option['J'] ? NULL : USUAL_COLUMNS) };
	int code, status = EX_OK;

	if (!list.table)
		return EX_USAGE;
	code = ctl_segments_load_retired(ctl, &list.retired);
	if (!code && ctl_table_shows(list.table, KEPT))
		status = measure(&list);
	if (!code && !status)
		code = segreg_lease_list(ctl->reg, add_row, &list);
	if (!code && !status && !list.n && ctl->n_operands > 1)
		status = ctl_error(ctl, EX_NOINPUT, "there is no lease %s; see segctl lease ls", ctl->operand[1]);
	if (!status)
		status = code ? ctl_fail(ctl, code) : ctl_table_print(list.table);
	free(list.bytes);
	ctl_segments_free(&list.retired);
	ctl_table_free(list.table);
	return status;
}

static int exec(struct ctl *ctl)
{
	const char *act = ctl->operand[0];

	if (!strcmp(act, "put"))
		return run_put(ctl);
	if (!strcmp(act, "drop"))
		return run_drop(ctl);
	if (!strcmp(act, "ls"))
		return run_list(ctl);
	return ctl_usage(ctl, "unknown act '%s'; it is put, drop or ls", act);
}
