/*
 * verb_show.c - segctl show: everything about one segment.
 */
#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/segments.h"
#include "segctl/daemon.h"
#include "segctl/table.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_show = {
	.name = "show",
	.operands = "SEGMENT",
	.help = "Show everything about one segment",
	.min = 1,
	.max = 1,
	.columns = ctl_segments_columns,
	.array = "segments",
	.exec = exec,
};

static int exec(struct ctl *ctl)
{
	struct ctl_segments segments = { .n = 0 };
	struct ctl_table *table;
	uint64_t id;
	int code, status;

	status = ctl_parse_segment(ctl, ctl->operand[0], &id);
	if (status)
		return status;
	table = ctl_table_new(ctl, NULL);
	if (!table)
		return EX_USAGE;
	code = ctl_segments_load_one(ctl, id, &segments);
	if (!code)
		ctl_segments_add_row(ctl, table, &segments.items[0].info);
	status = code ? ctl_fail(ctl, code) : ctl_table_print_record(table);
	if (!status && (segments.items[0].info.state >= SEGREG_PENDING || segments.items[0].info.is_abandoned))
		ctl_daemon_warn(ctl);
	ctl_segments_free(&segments);
	ctl_table_free(table);
	return status;
}
