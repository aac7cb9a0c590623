/*
 * verb_why.c - segctl why: what is retired or abandoned and still there, which handles keep it, and its disk space.
 *
 * For people, the answer comes first: how much is kept, and the end of which process gives most of it back. Then each
 * segment is a line, with a line below it for each handle that holds it. A column belongs to segments or to handles.
 * The path of a segment stands before its reason, so that the lines below need not begin behind the longest path.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "common/format.h"
#include "common/measure.h"
#include "common/mounts.h"
#include "common/now.h"
#include "common/served.h"
#include "common/text.h"
#include "segctl/blame.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/process.h"
#include "segctl/segments.h"
#include "segctl/daemon.h"
#include "segctl/table.h"

enum {
	ID,
	STATE,
	PATH,
	KEPT,
	RETIRED,
	RETIRED_AT,
	HELD_SINCE,
	RETRY_AT,
	PINS,
	SNAPSHOTS,
	BUILDER,
	WHY, /* of a segment */
	PID,
	COMMAND,
	USER,
	CGROUP,
	LABEL,
	LANE,
	ATTACHED,
	ATTACHED_AT, /* of a holder */
};

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_why = {
	.name = "why",
	.operands = "[SEGMENT]",
	.help = "Say why retired segments are still there, and who holds them",
	.max = 1,
	.columns =
		(const struct ctl_column[]){
			[ID] = { "ID", CTL_NUMBER, 0, "the segment's id" },
			[STATE] = { "STATE", CTL_TEXT, 0, "building, live, pending (retired) or deleting" },
			[PATH] = { "PATH", CTL_TEXT, 0, "its path below the base directory" },
			[KEPT] = { "KEPT", CTL_BYTES, 0, "disk space that its deletion will give back" },
			[RETIRED] = { "RETIRED", CTL_AGE, 0, "how long ago it was retired" },
			[RETIRED_AT] = { "RETIRED_AT", CTL_TIME, 0, "when it was retired" },
			[HELD_SINCE] = { "HELD_SINCE", CTL_TIME, 0, "when a sweep first found it held after that" },
			[RETRY_AT] = { "RETRY_AT", CTL_TIME, 0, "its deletion is not tried again before" },
			[PINS] = { "PINS", CTL_NUMBER, 0, "pins on it; a holder's own pins on it" },
			[SNAPSHOTS] = { "SNAPSHOTS", CTL_NUMBER, 0,
					"snapshots and horizons that hold it; a holder's own" },
			[BUILDER] = { "BUILDER", CTL_NUMBER, 0, "the process that reserved it and builds it" },
			[WHY] = { "WHY", CTL_TREE, 0, "why it is there; who a holder is" },
			[PID] = { "PID", CTL_NUMBER, 0, "a holder's process" },
			[COMMAND] = { "COMMAND", CTL_TEXT, 0, "the name of its program, if it can be seen from here" },
			[USER] = { "USER", CTL_TEXT, 0, "whose it is" },
			[CGROUP] = { "CGROUP", CTL_TEXT, 0, "its control group, which names its service or container" },
			[LABEL] = { "LABEL", CTL_TEXT, 0, "what it calls itself" },
			[LANE] = { "LANE", CTL_NUMBER, 0, "the number of its handle" },
			[ATTACHED] = { "ATTACHED", CTL_AGE, 0, "how long ago it opened the registry" },
			[ATTACHED_AT] = { "ATTACHED_AT", CTL_TIME, 0, "when it opened the registry" },
			{ 0 },
		},
	.array = "segments",
	.exec = exec,
};

#define SEGMENT_COLUMNS "ID,STATE,PATH,KEPT,RETIRED_AT,HELD_SINCE,RETRY_AT,PINS,SNAPSHOTS,BUILDER,WHY"
#define HOLDER_COLUMNS "PID,COMMAND,USER,LABEL,PINS,SNAPSHOTS,LANE,ATTACHED"
#define TREE_COLUMNS "ID,KEPT,RETIRED,WHY"
#define RAW_COLUMNS "ID,KEPT,RETIRED,PATH,WHY"

/* ------------------------------------------------------------------ holders */

struct holders {
	struct ctl_table *table;
	struct libscols_line *parent;
	unsigned n;
	uint64_t pins, snapshots, horizons; /* of all of them */
};

/* "2 pins, a snapshot of version 7". */
static const char *describe_hold(const struct segreg_holder *holder, char *what, size_t size)
{
	int length = 0;

	*what = '\0';
	if (holder->pins)
		length = snprintf(what, size, "%" PRIu64 " %s", holder->pins, holder->pins == 1 ? "pin" : "pins");
	if (holder->snapshots + holder->horizons)
		snprintf(what + length, size - (size_t)length, "%s%s of version %" PRIu64 "%s", length ? ", " : "",
			 holder->horizons ? "a horizon" : "a snapshot", holder->oldest,
			 holder->snapshots + holder->horizons > 1 ? " and others" : "");
	return what;
}

static int add_holder(void *arg, const struct segreg_holder *holder)
{
	struct holders *holders = arg;
	struct ctl_table *table = holders->table;
	struct libscols_line *row = ctl_table_add_row(table, holders->parent);
	char span[TOOL_SPAN_SIZE], what[128], why[512];
	struct ctl_process process;

	ctl_process_find(holder, &process);
	snprintf(why, sizeof why, "pid %" PRId64 " %s (%s), %s: %s, attached %s ago%s", holder->pid, process.command,
		 holder->label, process.user, describe_hold(holder, what, sizeof what),
		 tool_format_span(tool_now_real() - holder->attached_at, span),
		 process.is_dead ? "; the next sweep takes it back: segctl sweep" : "");
	ctl_table_set_text(table, row, WHY, why);
	ctl_table_set(table, row, PINS, holder->pins);
	ctl_table_set(table, row, SNAPSHOTS, holder->snapshots + holder->horizons);
	ctl_table_set(table, row, PID, (uint64_t)holder->pid);
	ctl_table_set_text(table, row, COMMAND, process.command);
	ctl_table_set_text(table, row, USER, process.user);
	ctl_table_set_text(table, row, CGROUP, process.cgroup);
	ctl_table_set_text(table, row, LABEL, holder->label);
	ctl_table_set(table, row, LANE, holder->lane);
	ctl_table_set(table, row, ATTACHED, (uint64_t)holder->attached_at);
	ctl_table_set(table, row, ATTACHED_AT, (uint64_t)holder->attached_at);
	holders->n++;
	holders->pins += holder->pins;
	holders->snapshots += holder->snapshots;
	holders->horizons += holder->horizons;
	return 0;
}

/* ------------------------------------------------------------------ segments */

struct kept {
	const struct segreg_info *info;
	uint64_t bytes;
	bool is_measured;
	const struct tool_served *served; /* the segregd of the registry */
	bool is_told;                     /* the answer above has its error */
	const char *base;
};

/* advice becomes what the operator does before the next try; "" if nothing is known that helps. */
static void advise(const struct kept *kept, char *advice, size_t size)
{
	const struct segreg_info *info = kept->info;
	char place[TOOL_PLACE_SIZE], mount[TOOL_PLACE_SIZE];
	bool is_inside = info->error == EXDEV || info->error == EBUSY;

	tool_measure_locate(kept->base, info, place);
	*advice = '\0';
	if (is_inside && tool_mounts_find(place, mount))
		snprintf(advice, size, "; before that: umount %s", mount);
	else if (info->error == EXDEV)
		snprintf(advice, size, "; before that, unmount what is mounted inside, or delete the btrfs subvolume");
	else if (info->error == EBUSY)
		snprintf(
			advice, size,
			"; before that, move the registry, or the base of a registry, that is inside to another place");
	else if (info->error == ESTALE || info->error == ENOENT)
		snprintf(advice, size,
			 "; before that, bring back %s, or forget the segment: segctl remove --force %" PRIu64,
			 info->error == ENOENT ? "its directory" : "what was registered", info->id);
	else if (info->error == EACCES || info->error == EPERM)
		snprintf(advice, size,
			 "; if segctl sweep --retry-now as root succeeds, segregd's user, unit or filter forbids it; "
			 "if not, look for an immutable file (lsattr)");
	else if (info->error == EROFS)
		snprintf(advice, size,
			 "; before that, make its file system writable (mount -o remount,rw), or segregd's unit "
			 "(ReadWritePaths=)");
	else if (info->error == EIO || info->error == EUCLEAN)
		snprintf(advice, size, "; before that, look for the errors of its disk (dmesg)");
}

static void explain_failure(const struct kept *kept, const char *rest, char *why, size_t size)
{
	const struct segreg_info *info = kept->info;
	int64_t wait = info->retry_at - tool_now_real();
	char times[32] = "", span[TOOL_SPAN_SIZE], advice[TOOL_PLACE_SIZE + 32];

	if (info->attempts > 1)
		snprintf(times, sizeof times, " %" PRIu32 " times", info->attempts);
	advise(kept, advice, sizeof advice);
	snprintf(why, size, "deletion failed%s: %s%s; next try %s%s%s%s", times, ctl_segments_describe_error(info),
		 rest, wait > 0 ? "in " : "with the next sweep",
		 wait > 0 ? tool_format_span(wait + 999999999, span) : "",
		 wait > 0 ? ", or now: segctl sweep --retry-now" : "", advice);
}

/* text becomes "2 pins, 1 horizon"; "" if no handle holds the segment. */
static void count_holds(const struct holders *holders, char *text, size_t size)
{
	const struct {
		uint64_t n;
		const char *noun;
	} holds[] = { { holders->pins, "pin" }, { holders->snapshots, "snapshot" }, { holders->horizons, "horizon" } };
	size_t length = 0;

	*text = '\0';
	for (size_t i = 0; i < sizeof holds / sizeof *holds; i++)
		if (holds[i].n)
			length +=
				(size_t)snprintf(text + length, size - length, "%s%" PRIu64 " %s%s", length ? ", " : "",
						 holds[i].n, holds[i].noun, holds[i].n == 1 ? "" : "s");
}

/*
 * rest becomes "; the rest is /base/.segreg-trash/7.1790000000000000000"; "" if the segment is at its path.
 */
static void describe_rest(const struct kept *kept, char rest[TOOL_PLACE_SIZE + 16])
{
	char place[TOOL_PLACE_SIZE];

	*rest = '\0';
	if (tool_measure_locate(kept->base, kept->info, place))
		snprintf(rest, TOOL_PLACE_SIZE + 16, "; the rest is %s", place);
}

/* text becomes "being built by pid 7 indexer", or "reserved by pid 7, which is dead". */
static void describe_builder(const struct segreg_info *info, char *text, size_t size)
{
	const struct segreg_holder builder = { .pid = info->builder_pid, .is_foreign = info->is_builder_foreign };
	struct ctl_process process;

	if (info->is_abandoned && !info->builder_pid)
		snprintf(text, size, "reserved, and its builder is gone");
	else if (info->is_abandoned)
		snprintf(text, size, "reserved by pid %" PRId64 ", which is gone", info->builder_pid);
	else {
		ctl_process_find(&builder, &process);
		snprintf(text, size, "being built by pid %" PRId64 " %s", info->builder_pid, process.command);
	}
}

/* No handle holds the segment, and no deletion failed: the next sweep deletes it. */
static void explain_waiting(const struct kept *kept, const char *rest, char *why, size_t size)
{
	bool is_begun = kept->info->state == SEGREG_DELETING;
	bool fails = kept->served->is_running && *kept->served->error;
	char text[TOOL_SERVED_TEXT], what[128];

	tool_served_describe(kept->served, text);
	snprintf(what, sizeof what, "%s", is_begun ? "deletion begun" : "not held");
	if (kept->info->is_abandoned)
		describe_builder(kept->info, what, sizeof what);
	if (kept->served->is_running && !fails)
		snprintf(why, size, "%s%s", is_begun ? "being deleted" : what, is_begun ? "" : "; waits for segregd");
	else if (kept->is_told)
		snprintf(why, size, "%s%s, but %s", what, is_begun ? rest : "",
			 fails ? "segregd fails" : "no segregd runs: segctl sweep");
	else if (fails)
		snprintf(why, size, "%s%s; %s", what, is_begun ? rest : "", text);
	else
		snprintf(why, size, "%s%s, but no segregd runs: segctl sweep%s", what, is_begun ? rest : "",
			 text + strlen("no segregd runs"));
}

static void explain(const struct kept *kept, const struct holders *holders, char *why, size_t size)
{
	const struct segreg_info *info = kept->info;
	char holds[128], rest[TOOL_PLACE_SIZE + 16];

	describe_rest(kept, rest);
	count_holds(holders, holds, sizeof holds);
	if (info->state == SEGREG_LIVE)
		snprintf(why, size, "live, so nothing deletes it; %s", *holds ? holds : "nobody holds it");
	else if (info->state == SEGREG_BUILDING && !info->is_abandoned)
		describe_builder(info, why, size);
	else if (info->state == SEGREG_PENDING && *holds)
		snprintf(why, size, "held by %s", holds);
	else if (info->error)
		explain_failure(kept, rest, why, size);
	else
		explain_waiting(kept, rest, why, size);
}

static struct libscols_line *add_segment(struct ctl_table *table, const struct kept *kept)
{
	const struct segreg_info *info = kept->info;
	struct libscols_line *row = ctl_table_add_row(table, NULL);

	ctl_table_set(table, row, ID, info->id);
	ctl_table_set_text(table, row, STATE, segreg_state_name(info->state));
	ctl_table_set_text(table, row, PATH, info->path);
	if (kept->is_measured)
		ctl_table_set(table, row, KEPT, kept->bytes);
	ctl_table_set(table, row, RETIRED, (uint64_t)info->retired_at);
	ctl_table_set(table, row, RETIRED_AT, (uint64_t)info->retired_at);
	ctl_table_set(table, row, HELD_SINCE, (uint64_t)info->held_since);
	ctl_table_set(table, row, RETRY_AT, (uint64_t)info->retry_at);
	if (info->builder_pid)
		ctl_table_set(table, row, BUILDER, (uint64_t)info->builder_pid);
	return row;
}

/* Set what depends on the holders, which may have changed since info was read. */
static void finish_segment(struct ctl_table *table, struct libscols_line *row, const struct kept *kept,
			   const struct holders *holders, bool with_path)
{
	char why[512 + SEGREG_PATH_MAX + 2 * TOOL_PLACE_SIZE + TOOL_SERVED_TEXT];
	int length = with_path ? snprintf(why, sizeof why, "%s: ", kept->info->path) : 0;

	explain(kept, holders, why + length, sizeof why - (size_t)length);
	ctl_table_set(table, row, PINS, holders->pins);
	ctl_table_set(table, row, SNAPSHOTS, holders->snapshots + holders->horizons);
	ctl_table_set_text(table, row, WHY, why);
}

static int add_tree(struct ctl *ctl, struct ctl_table *table, const struct kept *kept, bool with_path)
{
	struct holders holders = { .table = table, .parent = add_segment(table, kept) };
	int code = segreg_holders(ctl->reg, kept->info->id, add_holder, &holders);

	finish_segment(table, holders.parent, kept, &holders, with_path);
	return code == SEGREG_E_NOENT ? 0 : code; /* deleted meanwhile */
}

/* ------------------------------------------------------------------ the two forms */

static int by_size(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return (x->info->id > y->info->id) - (x->info->id < y->info->id);
}

static const char *format_bytes(const struct ctl *ctl, uint64_t bytes, char buf[TOOL_SPAN_SIZE])
{
	if (!ctl->option['b'])
		return tool_format_bytes(bytes, buf);
	snprintf(buf, TOOL_SPAN_SIZE, "%" PRIu64, bytes);
	return buf;
}

#define LEAST_SIZE (TOOL_SPAN_SIZE + 16)

/* is_least: the sizes of some segments are not known, and bytes is the sum of the others. */
static const char *format_least(const struct ctl *ctl, uint64_t bytes, bool is_least, char buf[LEAST_SIZE])
{
	char sum[TOOL_SPAN_SIZE];

	if (is_least && !bytes)
		return "an unknown amount";
	snprintf(buf, LEAST_SIZE, "%s%s", is_least ? "at least " : "", format_bytes(ctl, bytes, sum));
	return buf;
}

static void tell_worst(const struct ctl *ctl, const struct ctl_culprit *worst, bool is_least)
{
	char held[LEAST_SIZE], alone[LEAST_SIZE], since[TOOL_SPAN_SIZE];
	struct ctl_process process;

	ctl_process_find(&worst->holder, &process);
	tool_text_say(stdout, "",
		      "Pid %" PRId64 " %s (%s), %s%s%s, holds %s of it in %" PRIu64 " %s, for %s; %s come back %s.",
		      worst->holder.pid, process.command, worst->label, process.user, *process.cgroup ? ", in " : "",
		      process.cgroup, format_least(ctl, worst->held, is_least, held), worst->segments,
		      worst->segments == 1 ? "segment" : "segments",
		      tool_format_span(tool_now_real() - worst->since, since),
		      format_least(ctl, worst->alone, is_least, alone),
		      process.is_dead ? "with the next sweep: segctl sweep" : "if it ends");
}

/* Print the answer that comes first. */
static int print_answer(const struct ctl *ctl, const struct kept *kept, size_t n)
{
	struct ctl_blame blame;
	char bytes[LEAST_SIZE], text[TOOL_SERVED_TEXT];
	bool is_least = false, abandoned = false;
	uint64_t sum = 0;
	int code = ctl_blame_begin(ctl, &blame);

	for (size_t i = 0; i < n && !code; i++) {
		sum += kept[i].bytes;
		is_least |= !kept[i].is_measured;
		abandoned |= kept[i].info->is_abandoned;
		if (kept[i].info->state == SEGREG_PENDING)
			code = ctl_blame_add(ctl, &blame, kept[i].info, kept[i].bytes);
	}
	if (!code) {
		printf("%zu %s %s %s.\n", n, abandoned ? "retired or abandoned" : "retired",
		       n == 1 ? "segment keeps" : "segments keep", format_least(ctl, sum, is_least, bytes));
		if (ctl_blame_find_worst(&blame))
			tell_worst(ctl, ctl_blame_find_worst(&blame), is_least);
		if (*kept->served->error)
			tool_text_say(stdout, "", "Mind: %s", tool_served_describe(kept->served, text));
		printf("\n");
	}
	ctl_blame_free(&blame);
	return code ? ctl_fail(ctl, code) : EX_OK;
}

/* Print lines for all segments, the biggest first, with their holders below them. */
static int print_tree(struct ctl *ctl, const struct kept *kept, size_t n)
{
	const char *output = ctl->option['o'];
	bool for_people = !ctl->option['J'] && !ctl->option['R'] && (!output || *output == '+');
	struct ctl_table *table = ctl_table_new(ctl, ctl->option['J'] ? NULL : for_people ? TREE_COLUMNS : RAW_COLUMNS);
	int status, code = 0;

	if (!table)
		return EX_USAGE;
	for (size_t i = 0; i < n && !code; i++)
		code = add_tree(ctl, table, &kept[i], for_people);
	status = code ? ctl_fail(ctl, code) : ctl_table_print(table);
	ctl_table_free(table);
	return status;
}

/* Print a record of one segment, and a table of its holders. */
static int print_one(struct ctl *ctl, const struct kept *kept)
{
	struct ctl_table *record = ctl_table_new(ctl, SEGMENT_COLUMNS);
	struct holders holders = { .table = ctl_table_new(ctl, HOLDER_COLUMNS) };
	int code, status = EX_UNAVAILABLE;
	struct libscols_line *row;

	if (!record || !holders.table)
		goto out;
	row = add_segment(record, kept);
	code = segreg_holders(ctl->reg, kept->info->id, add_holder, &holders);
	finish_segment(record, row, kept, &holders, false);
	status = code ? ctl_fail(ctl, code) : ctl_table_print_record(record);
	if (!status && holders.n) {
		printf("\n");
		status = ctl_table_print(holders.table);
	}
out:
	ctl_table_free(record);
	ctl_table_free(holders.table);
	return status;
}

static int explain_all(struct ctl *ctl, const struct ctl_segments *segments, bool is_one)
{
	struct kept *kept = calloc(segments->n + 1, sizeof *kept);
	bool for_people = !ctl->option['J'] && !ctl->option['R'] && !ctl->option['o'];
	bool with_answer = for_people && !is_one && segments->n && !ctl->option['n'];
	struct tool_served served;
	int status;

	if (!kept)
		return ctl_error(ctl, EX_UNAVAILABLE, "no memory for %zu segments", segments->n);
	tool_served_read(ctl->dir, &served);
	for (size_t i = 0; i < segments->n; i++) {
		kept[i].info = &segments->items[i].info;
		kept[i].served = &served;
		kept[i].is_told = with_answer;
		kept[i].base = segreg_base_path(ctl->reg);
		kept[i].is_measured = tool_measure_segment(segreg_base_path(ctl->reg), kept[i].info, &kept[i].bytes);
	}
	qsort(kept, segments->n, sizeof *kept, by_size);
	status = with_answer ? print_answer(ctl, kept, segments->n) : EX_OK;
	if (!status)
		status = is_one && for_people ? print_one(ctl, kept) : print_tree(ctl, kept, segments->n);
	if (for_people && !segments->n)
		printf("Nothing is kept: no retired segment is left.\n");
	if (for_people && !segments->n)
		ctl_daemon_warn(ctl);
	free(kept);
	return status;
}

static int exec(struct ctl *ctl)
{
	struct ctl_segments segments = { .n = 0 };
	uint64_t id;
	int code, status = ctl->n_operands ? ctl_parse_segment(ctl, ctl->operand[0], &id) : EX_OK;

	if (status)
		return status;
	if (ctl->n_operands)
		code = ctl_segments_load_one(ctl, id, &segments);
	else
		code = ctl_segments_load_retired(ctl, &segments);
	status = code ? ctl_fail(ctl, code) : explain_all(ctl, &segments, ctl->n_operands);
	ctl_segments_free(&segments);
	return status;
}
