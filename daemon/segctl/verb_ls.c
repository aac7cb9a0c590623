/*
 * verb_ls.c - segctl ls: list segments.
 */
#include <string.h>

#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/segments.h"
#include "segctl/table.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_ls = {
	.name = "ls",
	.operands = "",
	.help = "List segments",
	.options =
		(const struct ctl_option[]){
			{ 's', "state", "STATE", "only building, live, pending or deleting ones" },
			{ 0 },
		},
	.columns = ctl_segments_columns,
	.array = "segments",
	.exec = exec,
};

#define USUAL_COLUMNS "ID,STATE,PINS,AGE,RETIRED,PATH"

static bool is_wanted(const struct ctl *ctl, const struct segreg_info *info)
{
	return !ctl->option['s'] || !strcmp(ctl->option['s'], segreg_state_name(info->state));
}

static bool is_state(const char *name)
{
	for (enum segreg_state state = SEGREG_BUILDING; state <= SEGREG_DELETING; state++)
		if (!strcmp(name, segreg_state_name(state)))
			return true;
	return false;
}

static int exec(struct ctl *ctl)
{
	struct ctl_segments segments = { .n = 0 };
	struct ctl_table *table;
	int code, status;

	if (ctl->option['s'] && !is_state(ctl->option['s']))
		return ctl_usage(ctl, "unknown state '%s'; it is building, live, pending or deleting",
				 ctl->option['s']);
	table = ctl_table_new(ctl, ctl->option['J'] ? USUAL_COLUMNS ",USER_BYTES" : USUAL_COLUMNS);
	if (!table)
		return EX_USAGE;
	code = ctl_segments_load(ctl, is_wanted, &segments);
	for (size_t i = 0; i < segments.n && !code; i++)
		ctl_segments_add_row(ctl, table, &segments.items[i].info);
	status = code ? ctl_fail(ctl, code) : ctl_table_print(table);
	ctl_segments_free(&segments);
	ctl_table_free(table);
	return status;
}
