/*
 * verb_debug.c - segctl debug: what is in the shared memory, also where the registry is stuck or damaged.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "common/number.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/table.h"

enum { PART, NUMBER, FIELD, VALUE, REMARK, DAMAGED };

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_debug = {
	.name = "debug",
	.operands = "",
	.help = "Show what is in shared memory, damaged or not",
	.flags = CTL_OWN_OPEN,
	.options =
		(const struct ctl_option[]){
			{ 'a', "all", NULL, "free lanes and the whole queue as well" },
			{ 'd', "damaged", NULL, "damaged values alone" },
			{ 'f', "region", "FILE", "a copy of shared memory, not the registry's" },
			{ 'i', "id", "ID", "only the slots of segment ID" },
			{ 's', "slot", "N", "only slot N" },
			{ 0 },
		},
	.columns =
		(const struct ctl_column[]){
			[PART] = { "PART", CTL_TEXT, 0, "what the value is of: header, commit lock, lane, ..." },
			[NUMBER] = { "NUMBER", CTL_NUMBER, 0, "which lane, letter, note, slot or entry of the queue" },
			[FIELD] = { "FIELD", CTL_TEXT, 0, "the value's name, as in lib/shm/sr_layout.h" },
			[VALUE] = { "VALUE", CTL_TEXT, 0, "the value" },
			[REMARK] = { "REMARK", CTL_TEXT, 0, "what it means, or what is wrong with it" },
			[DAMAGED] = { "DAMAGED", CTL_FLAG, 0, "no correct process leaves such a value" },
			{ 0 },
		},
	.array = "values",
	.exec = exec,
};

#define USUAL_COLUMNS "PART,NUMBER,FIELD,VALUE,REMARK"

struct run {
	struct ctl *ctl;
	struct ctl_table *table;
	bool is_marked; /* a remark says by itself that the value is damaged */
	unsigned n_damaged;
};

/* "segctl, alive", "dead". */
static void describe_process(int64_t pid, char *text, size_t size)
{
	char path[64], line[128], name[64] = "", state[64] = "alive";
	FILE *file;

	if (kill((pid_t)pid, 0) == -1 && errno == ESRCH) {
		snprintf(text, size, "dead");
		return;
	}
	snprintf(path, sizeof path, "/proc/%" PRId64 "/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file)) {
		sscanf(line, "Name: %63[^\n]", name);
		if (!strncmp(line, "State:\tT", 8) || !strncmp(line, "State:\tt", 8))
			snprintf(state, sizeof state, "stopped");
		else if (!strncmp(line, "State:\tZ", 8))
			snprintf(state, sizeof state, "dead, not waited for");
	}
	if (file)
		fclose(file);
	snprintf(text, size, "%s%s%s", name, *name ? ", " : "", state);
}

static void set_remark(struct run *run, struct libscols_line *row, const struct segreg_debug_item *item)
{
	char text[512], process[160] = "";

	if (item->pid)
		describe_process(item->pid, process, sizeof process);
	snprintf(text, sizeof text, "%s%s%s%s", item->is_damaged && run->is_marked ? "damaged: " : "", item->remark,
		 *item->remark && *process ? "; " : "", process);
	if (*text)
		ctl_table_set_text(run->table, row, REMARK, text);
}

static int on_item(void *arg, const struct segreg_debug_item *item)
{
	struct run *run = arg;
	struct libscols_line *row;

	run->n_damaged += item->is_damaged != 0;
	if (run->ctl->option['d'] && !item->is_damaged)
		return 0;
	row = ctl_table_add_row(run->table, NULL);
	ctl_table_set_text(run->table, row, PART, item->part);
	if (item->number >= 0)
		ctl_table_set(run->table, row, NUMBER, (uint64_t)item->number);
	ctl_table_set_text(run->table, row, FIELD, item->name);
	ctl_table_set_text(run->table, row, VALUE, item->value);
	ctl_table_set(run->table, row, DAMAGED, item->is_damaged != 0);
	set_remark(run, row, item);
	return 0;
}

static bool parse(const struct ctl *ctl, struct segreg_debug_options *debug)
{
	const char *slot = ctl->option['s'], *id = ctl->option['i'];
	uint64_t number = 0;

	if (slot && id) {
		ctl_usage(ctl, "options -s and -i exclude each other");
		return false;
	}
	if (id && !ctl_parse_id(ctl, id, &debug->id))
		return false;
	if (slot && !tool_parse_number(slot, UINT32_MAX, &number)) {
		ctl_usage(ctl, "option -s: '%s' is not the number of a slot", slot);
		return false;
	}
	debug->slot = (uint32_t)number;
	debug->flags =
		(slot ? SEGREG_DEBUG_SLOT : 0) | (id ? SEGREG_DEBUG_ID : 0) | (ctl->option['a'] ? SEGREG_DEBUG_ALL : 0);
	debug->region = ctl->option['f'];
	if (!debug->region && (!ctl->dir || !*ctl->dir)) {
		ctl_usage(ctl, "which registry? Give -r DIR, or set SEGREG_REGISTRY; or --region FILE");
		return false;
	}
	return true;
}

static int exec(struct ctl *ctl)
{
	struct segreg_debug_options debug = { .size = sizeof debug };
	struct run run = { .ctl = ctl, .is_marked = !ctl->option['J'] };
	int status, code;

	if (!parse(ctl, &debug))
		return EX_USAGE;
	run.table = ctl_table_new(ctl, ctl->option['J'] ? NULL : USUAL_COLUMNS);
	if (!run.table)
		return EX_USAGE;
	code = segreg_debug(ctl->dir, &debug, on_item, &run);
	status = ctl_table_print(run.table);
	if (code)
		status = ctl_fail(ctl, code);
	else if (!status && run.n_damaged)
		status = EX_DATAERR;
	ctl_table_free(run.table);
	return status;
}
