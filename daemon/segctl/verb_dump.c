/*
 * verb_dump.c - segctl dump: the live segments of one version as text that segctl load reads.
 *
 * All lines come from one snapshot, so they are a state that the registry was in. The snapshot is released before the
 * first line is written: a reader of the output that stalls keeps no segment from being deleted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/dump.h"
#include "segctl/error.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_dump = {
	.name = "dump",
	.operands = "",
	.help = "Write the live segments as text that load reads",
	.exec = exec,
};

static int exec(struct ctl *ctl)
{
	struct ctl_dump list = { .n = 0 };
	struct segreg_snapshot snapshot;
	int code = segreg_snapshot_take(ctl->reg, SEGREG_SNAPSHOT, &snapshot);

	if (code)
		return ctl_fail(ctl, code);
	code = ctl_dump_collect(ctl->reg, &snapshot, &list);
	segreg_snapshot_release(ctl->reg, &snapshot);
	if (!code)
		ctl_dump_print(stdout, &list);
	free(list.items);
	return code ? ctl_fail(ctl, code) : EX_OK;
}
