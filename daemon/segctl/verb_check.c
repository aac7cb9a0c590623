/*
 * verb_check.c - segctl check: compares the database, the shared memory and the disk, and repairs what its options ask
 * for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/progress.h"
#include "segctl/daemon.h"
#include "segctl/table.h"

enum { FOUND, ID, PATH, WHY };

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_check = {
	.name = "check",
	.operands = "",
	.help = "Compare the database, shared memory and the disk",
	.options =
		(const struct ctl_option[]){
			{ 'f', "forget-missing", NULL, "unregister live segments that are not on the disk" },
			{ 'm', "repair", NULL, "bring shared memory to what the database says" },
			{ 's', "strangers", NULL, "strangers alone; without this they are no fault" },
			{ 0 },
		},
	.columns =
		(const struct ctl_column[]){
			[FOUND] = { "FOUND", CTL_TEXT, 0, "missing, replaced, stranger, difference or left-over" },
			[ID] = { "ID", CTL_NUMBER, 0, "the segment's id; a stranger and a left-over have none" },
			[PATH] = { "PATH", CTL_TEXT, 0,
				   "where, below the base directory; of a left-over, its whole path" },
			[WHY] = { "WHY", CTL_TEXT, 0, "what is wrong" },
			{ 0 },
		},
	.array = "findings",
	.exec = exec,
};

struct run {
	struct ctl *ctl;
	struct ctl_table *table;
	uint64_t *missing;
	size_t n_missing;
	unsigned n_faults, n_strangers, n_leftovers;
};

static const char *name_of(enum segreg_finding_kind kind)
{
	switch (kind) {
	case SEGREG_FOUND_MISSING:
		return "missing";
	case SEGREG_FOUND_REPLACED:
		return "replaced";
	case SEGREG_FOUND_STRANGER:
		return "stranger";
	case SEGREG_FOUND_DIFFERENCE:
		return "difference";
	case SEGREG_FOUND_LEFTOVER:
		return "left-over";
	}
	return "unknown";
}

static int remember_missing(struct run *run, uint64_t id)
{
	uint64_t *more = reallocarray(run->missing, run->n_missing + 1, sizeof *more);

	if (!more)
		return SEGREG_E_NOMEM;
	run->missing = more;
	more[run->n_missing++] = id;
	return 0;
}

static int on_finding(void *arg, const struct segreg_finding *finding)
{
	struct run *run = arg;
	bool is_stranger = finding->kind == SEGREG_FOUND_STRANGER;
	bool is_leftover = finding->kind == SEGREG_FOUND_LEFTOVER;
	struct libscols_line *row;

	*(is_stranger ? &run->n_strangers : is_leftover ? &run->n_leftovers : &run->n_faults) += 1;
	if (finding->kind == SEGREG_FOUND_MISSING && remember_missing(run, finding->id))
		return SEGREG_E_NOMEM;
	if (run->ctl->option['s'] && !is_stranger)
		return 0;
	row = ctl_table_add_row(run->table, NULL);
	ctl_table_set_text(run->table, row, FOUND, name_of(finding->kind));
	if (!is_stranger && !is_leftover)
		ctl_table_set(run->table, row, ID, finding->id);
	ctl_table_set_text(run->table, row, PATH, finding->path);
	ctl_table_set_text(run->table, row, WHY, finding->reason);
	return 0;
}

static int forget_missing(struct run *run)
{
	int code = 0;

	for (size_t i = 0; i < run->n_missing && !code; i++) {
		enum segreg_state state;

		code = segreg_state(run->ctl->reg, run->missing[i], &state);
		if (!code && state == SEGREG_LIVE)
			code = segreg_force_remove(run->ctl->reg, run->missing[i], SEGREG_FORCE);
		if (code == SEGREG_E_NOENT) /* another process removed it meanwhile */
			code = 0;
	}
	return code;
}

static int finish(struct run *run)
{
	const struct ctl *ctl = run->ctl;
	int status = ctl_table_print(run->table);

	if (!status && !ctl->option['J'] && !ctl->option['R'] && !ctl->option['n'] && !ctl->option['o']) {
		printf("%u %s, %u %s", run->n_faults, run->n_faults == 1 ? "fault" : "faults", run->n_strangers,
		       run->n_strangers == 1 ? "stranger" : "strangers");
		if (run->n_leftovers)
			printf(", %u left-over", run->n_leftovers);
		putchar('\n');
		ctl_daemon_warn(ctl);
	}
	if (!status && (run->n_faults || (ctl->option['s'] && run->n_strangers)))
		status = EX_DATAERR;
	return status;
}

static int exec(struct ctl *ctl)
{
	struct run run = { .ctl = ctl, .table = ctl_table_new(ctl, NULL) };
	struct segreg_stats stats = { .size = sizeof stats };
	int status, code;

	if (!run.table)
		return EX_USAGE;
	if (segreg_stats(ctl->reg, &stats) == 0)
		ctl_progress_show("looking at %" PRIu64 " segments, and at what else is below %s",
				  stats.live + stats.pending + stats.deleting, segreg_base_path(ctl->reg));
	code = segreg_check(ctl->reg, ctl->option['m'] ? SEGREG_CHECK_REPAIR : 0, on_finding, &run);
	ctl_progress_end();
	if (!code && ctl->option['f'])
		code = forget_missing(&run);
	status = code ? ctl_fail(ctl, code) : finish(&run);
	free(run.missing);
	ctl_table_free(run.table);
	return status;
}
