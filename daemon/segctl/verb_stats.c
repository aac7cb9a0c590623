/*
 * verb_stats.c - segctl stats: the registry in figures.
 */
#include <stdio.h>

#include "segreg.h"
#include "common/served.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/daemon.h"
#include "segctl/table.h"

/* Column, member of struct segreg_stats, type, help. */
#define FIGURES(X)                                                                                                     \
	X(LIVE, live, CTL_NUMBER, "live segments")                                                                     \
	X(PENDING, pending, CTL_NUMBER, "retired segments that may be held")                                           \
	X(DELETING, deleting, CTL_NUMBER, "segments being deleted")                                                    \
	X(FAILED, failed, CTL_NUMBER, "of those, with a failed deletion")                                              \
	X(MISSING, missing, CTL_NUMBER, "of the live, those that the disk did not have")                               \
	X(VERSION, version, CTL_NUMBER, "edits committed so far")                                                      \
	X(LANES, lanes, CTL_NUMBER, "handles attached, this tool's included")                                          \
	X(STARTS, starts, CTL_NUMBER, "times that the shared memory was built")                                        \
	X(DELETED, deleted, CTL_NUMBER, "segments deleted since then")                                                 \
	X(BYTES_FREED, bytes_freed, CTL_BYTES, "disk space that this gave back")                                       \
	X(RECLAIMED, reclaimed, CTL_NUMBER, "handles of dead processes cleaned up")                                    \
	X(RECLAIMED_PINS, reclaimed_pins, CTL_NUMBER, "pins that those had held")                                      \
	X(REPAIRS, repairs, CTL_NUMBER, "repairs after a death inside a change")                                       \
	X(MAX_SEGMENTS, max_segments, CTL_NUMBER, "limit of segments at once")                                         \
	X(MAX_LANES, max_lanes, CTL_NUMBER, "limit of handles at once")                                                \
	X(REGION_BYTES, region_bytes, CTL_BYTES, "shared memory in use")                                               \
	X(COMMITS, commits, CTL_NUMBER, "times that the database was made durable, since the start")                   \
	X(COMMIT_NS, commit_ns, CTL_NS, "how long this took in all; nanoseconds in --raw and JSON")                    \
	X(COMMIT_NS_MAX, commit_ns_max, CTL_NS, "and at most")                                                         \
	X(SCHEMA, schema, CTL_NUMBER, "of the database")                                                               \
	X(LAYOUT, layout, CTL_NUMBER, "of the shared memory")                                                          \
	X(DISCARDS, discards, CTL_NUMBER, "discards that wait in shared memory")

/* clang-format off */
enum {
#define FIGURE_ENUM(name, member, type, help) name,
	FIGURES(FIGURE_ENUM)
	DISCARDS_SINCE,
	DISCARDS_ERROR,
	SWEEPER,
	SWEEPER_PID,
	SWEEPER_ERROR,
	LIBRARY,
};

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_stats = {
	.name = "stats",
	.operands = "",
	.help = "Show the registry in figures",
	.columns = (const struct ctl_column[]){
#define FIGURE_COLUMN(name, member, type, help) { #name, type, 0, help },
		FIGURES(FIGURE_COLUMN)
		{ "DISCARDS_SINCE", CTL_TIME, 0, "since when some could not be made durable" },
		{ "DISCARDS_ERROR", CTL_TEXT, 0, "and why" },
		{ "SWEEPER", CTL_FLAG, 0, "whether a segregd serves the registry" },
		{ "SWEEPER_PID", CTL_NUMBER, 0, "its process, or that of the last" },
		{ "SWEEPER_ERROR", CTL_TEXT, 0, "why its last sweep failed" },
		{ "LIBRARY", CTL_TEXT, 0, "the version of segreg that printed this" },
		{ 0 },
	},
	.array = "stats",
	.exec = exec,
};
/* clang-format on */

static int print(const struct ctl *ctl, struct ctl_table *table, const struct segreg_stats *stats)
{
	struct libscols_line *row = ctl_table_add_row(table, NULL);
	struct tool_served served;
	char line[128];
	int status;

	tool_served_read(ctl->dir, &served);
#define FIGURE_SET(name, member, type, help) ctl_table_set(table, row, name, stats->member);
	FIGURES(FIGURE_SET)
	if (stats->discards_since)
		ctl_table_set(table, row, DISCARDS_SINCE, (uint64_t)stats->discards_since);
	if (stats->discards_error)
		ctl_table_set_text(table, row, DISCARDS_ERROR, segreg_strerror(stats->discards_error));
	ctl_table_set(table, row, SWEEPER, served.is_running && !served.idle_pid);
	if (served.pid)
		ctl_table_set(table, row, SWEEPER_PID, (uint64_t)served.pid);
	if (*served.error)
		ctl_table_set_text(table, row, SWEEPER_ERROR, served.error);
	ctl_table_set_text(table, row, LIBRARY, segreg_version_string());
	segreg_stats_format(stats, line, sizeof line);
	if (!ctl->option['J'] && !ctl->option['n'] && !ctl->option['R'])
		printf("%s\n\n", line);
	status = ctl_table_print_record(table);
	ctl_daemon_warn(ctl);
	return status;
}

static int exec(struct ctl *ctl)
{
	struct segreg_stats stats = { .size = sizeof stats };
	struct ctl_table *table = ctl_table_new(ctl, NULL);
	int code, status;

	if (!table)
		return EX_USAGE;
	code = segreg_stats(ctl->reg, &stats);
	status = code ? ctl_fail(ctl, code) : print(ctl, table, &stats);
	ctl_table_free(table);
	return status;
}
