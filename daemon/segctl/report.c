/*
 * report.c - a look for people: what is kept, which processes keep it, which of them to end, and the largest segments.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/now.h"
#include "segctl/ends.h"
#include "segctl/error.h"
#include "segctl/process.h"
#include "segctl/prose.h"
#include "segctl/reason.h"
#include "segctl/report.h"
#include "segctl/shares.h"

#define NAMED 3    /* processes that a line names */
#define KILLED 100 /* pids in one command */

struct report {
	struct ctl *ctl;
	const struct ctl_look *look;
	size_t limit;
};

static const char *format_bytes(const struct report *report, uint64_t bytes, char buf[TOOL_SPAN_SIZE])
{
	if (!report->ctl->option['b'])
		return tool_format_bytes(bytes, buf);
	snprintf(buf, TOOL_SPAN_SIZE, "%" PRIu64, bytes);
	return buf;
}

static const char *format_ago(int64_t at, char buf[TOOL_SPAN_SIZE])
{
	return at ? tool_format_span(tool_now_real() - at, buf) : "-";
}

/* "at least 7 GiB": the sizes of some segments are not known, and the sum is that of the others. */
static const char *format_sum(const struct report *report, const struct ctl_sum *sum, char buf[2 * TOOL_SPAN_SIZE])
{
	char bytes[TOOL_SPAN_SIZE];

	if (sum->unmeasured && !sum->bytes)
		return "an unknown amount";
	snprintf(buf, (size_t)2 * TOOL_SPAN_SIZE, "%s%s", sum->unmeasured ? "at least " : "",
		 format_bytes(report, sum->bytes, bytes));
	return buf;
}

/* "1 segment", "1,946 segments". */
static const char *format_n(uint64_t n, const char *noun, char buf[64])
{
	char count[TOOL_SPAN_SIZE];
	size_t length = strlen(noun);
	bool is_es = n != 1 && length && noun[length - 1] == 's';

	snprintf(buf, 64, "%s %s%s", tool_format_count(n, count), noun, is_es ? "es" : n == 1 ? "" : "s");
	return buf;
}

static void print_more(const struct report *report, uint64_t all, const char *noun)
{
	char n[64];

	if (all > report->limit)
		printf("... and %s more%s%s: --all\n", tool_format_count(all - report->limit, n), *noun ? " " : "",
		       noun);
}

/* ------------------------------------------------------------------ the sum */

static uint64_t count_users(const struct ctl_look *look)
{
	struct ctl_share *shares = NULL;
	size_t n = 0;

	ctl_shares_find(look, false, &shares, &n);
	free(shares);
	return n;
}

static uint64_t count_holders(const struct ctl_look *look, bool is_lease)
{
	uint64_t n = 0;

	for (size_t i = 0; i < look->n_holders; i++)
		n += look->holders[i].held.segments != 0 && look->holders[i].is_lease == is_lease;
	return n;
}

/* "3 processes of 2 users and 1 lease hold". */
static const char *describe_holders(const struct ctl_look *look, char text[256])
{
	uint64_t processes = count_holders(look, false), leases = count_holders(look, true);
	char n[64], users[64];

	if (!processes)
		snprintf(text, 256, "%s", format_n(leases, "lease", n));
	else
		snprintf(text, 256, "%s of %s", format_n(processes, "process", n),
			 format_n(count_users(look), "user", users));
	if (processes && leases)
		snprintf(text + strlen(text), 256 - strlen(text), " and %s", format_n(leases, "lease", n));
	strcat(text, processes + leases == 1 ? " holds" : " hold");
	return text;
}

static void print_rest(const struct report *report)
{
	const struct ctl_look *look = report->look;
	char sum[2 * TOOL_SPAN_SIZE], n[64], text[TOOL_SERVED_TEXT];
	bool is_one = look->waiting.segments == 1;

	if (look->waiting.segments)
		ctl_prose_print("", "%s (%s) %s held by no handle and %s for %s.",
				format_n(look->waiting.segments, "segment", n), format_sum(report, &look->waiting, sum),
				is_one ? "is" : "are", is_one ? "waits" : "wait",
				look->served.is_running ? "segregd, which runs" : "a sweep: segctl sweep");
	if (look->failed.segments)
		ctl_prose_print("", "The deletion of %s (%s) has failed: segctl ls --state deleting -o +ERROR",
				format_n(look->failed.segments, "segment", n), format_sum(report, &look->failed, sum));
	if (*look->served.error)
		ctl_prose_print("", "Mind: %s", tool_served_describe(&look->served, text));
}

static void print_sum(const struct report *report, bool is_filtered)
{
	const struct ctl_look *look = report->look;
	char sum[2 * TOOL_SPAN_SIZE], ago[TOOL_SPAN_SIZE], n[64], holders[256], what[4 * TOOL_SPAN_SIZE] = "it";
	const char *kind = look->has_abandoned ? "retired or abandoned segment" : "retired segment";
	bool is_one = look->all.segments == 1;
	char when[2 * TOOL_SPAN_SIZE] = "";

	if (look->all.since)
		snprintf(when, sizeof when, "%s ago.", format_ago(look->all.since, ago));
	ctl_prose_print("", "%s%s %s %s.%s%s%s", is_filtered ? "Of those asked for, " : "",
			format_n(look->all.segments, kind, n), is_one ? "keeps" : "keep",
			format_sum(report, &look->all, sum),
			!look->all.since ? ""
			: is_one         ? " It"
					 : " The oldest",
			look->all.since ? " was retired " : "", when);
	if (!is_one)
		snprintf(what, sizeof what, "%s of them (%s)", tool_format_count(look->held.segments, n),
			 format_sum(report, &look->held, sum));
	if (look->held.segments)
		ctl_prose_print("", "%s %s.", describe_holders(look, holders), what);
	print_rest(report);
}

/* ------------------------------------------------------------------ processes */

static const struct ctl_handle *first_handle(const struct ctl_look *look, uint32_t number)
{
	return &look->handles[look->order[look->holders[number].first]];
}

static int by_kept(const void *a, const void *b, void *arg)
{
	const struct ctl_look *look = arg;
	const struct ctl_holder *x = &look->holders[*(const uint32_t *)a], *y = &look->holders[*(const uint32_t *)b];

	if (x->held.bytes != y->held.bytes)
		return x->held.bytes < y->held.bytes ? 1 : -1;
	if (x->alone != y->alone)
		return x->alone < y->alone ? 1 : -1;
	return (x > y) - (x < y);
}

uint32_t *ctl_report_rank(const struct ctl_look *look, size_t *n)
{
	uint32_t *ranked = calloc(look->n_holders + 1, sizeof *ranked);
	union {
		const struct ctl_look *in;
		void *out;
	} arg = { .in = look };

	*n = 0;
	for (uint32_t i = 0; i < look->n_holders && ranked; i++)
		if (look->holders[i].held.segments)
			ranked[(*n)++] = i;
	if (*n)
		qsort_r(ranked, *n, sizeof *ranked, by_kept, arg.out);
	return ranked;
}

const char *ctl_report_name(const struct ctl_look *look, uint32_t process_set, size_t most, char *text, size_t size)
{
	const uint64_t *set = ctl_sets_get(&look->process_sets, process_set);
	size_t i, n = 0, length = 0;
	char count[TOOL_SPAN_SIZE];

	*text = '\0';
	CTL_SET_EACH(i, set, look->process_sets.words)
	{
		struct ctl_process process;

		if (n++ >= most)
			continue;
		if (look->holders[i].is_lease) {
			length += (size_t)snprintf(text + length, size - length, "%slease %s", n > 1 ? ", " : "",
						   first_handle(look, (uint32_t)i)->label);
			length = length < size ? length : size - 1;
			continue;
		}
		ctl_process_find(&first_handle(look, (uint32_t)i)->holder, &process);
		length += (size_t)snprintf(text + length, size - length, "%s%" PRId64 " %s", n > 1 ? ", " : "",
					   look->holders[i].pid, process.command);
		length = length < size ? length : size - 1;
	}
	if (n > most)
		snprintf(text + length, size - length, " and %s more", tool_format_count(n - most, count));
	return text;
}

static void print_lease(const struct report *report, uint32_t number)
{
	const struct ctl_holder *holder = &report->look->holders[number];
	const struct ctl_handle *lease = first_handle(report->look, number);
	char kept[TOOL_SPAN_SIZE], alone[TOOL_SPAN_SIZE], n[TOOL_SPAN_SIZE], since[TOOL_SPAN_SIZE], head[160];
	char put[TOOL_SPAN_SIZE], user[64];

	ctl_process_find_user(holder->uid, user);
	snprintf(head, sizeof head, "%9s  %9s  %8s  %5s  %7s  ", format_bytes(report, holder->held.bytes, kept),
		 format_bytes(report, holder->alone, alone), tool_format_count(holder->held.segments, n),
		 format_ago(holder->held.since, since), "-");
	ctl_prose_print(head, "lease %s, changed last by %s, put %s ago", lease->label, user,
			format_ago(lease->holder.attached_at, put));
}

static void print_holder(const struct report *report, uint32_t number)
{
	const struct ctl_holder *holder = &report->look->holders[number];
	const struct ctl_handle *first = first_handle(report->look, number);
	char kept[TOOL_SPAN_SIZE], alone[TOOL_SPAN_SIZE], n[TOOL_SPAN_SIZE], since[TOOL_SPAN_SIZE], head[160];
	char holds[128], handles[64] = "", lane[32] = "";
	struct ctl_process process;
	const char *state;

	ctl_process_find(&first->holder, &process);
	state = process.is_dead || !strcmp(process.state, "running") ? "" : process.state;
	ctl_reason_count(holder->pins, holder->snapshots, holder->horizons, 0, holds, sizeof holds);
	if (holder->n > 1)
		snprintf(handles, sizeof handles, " in %" PRIu32 " handles", holder->n);
	if (holder->is_foreign)
		snprintf(lane, sizeof lane, ", lane %" PRIu32, first->holder.lane);
	snprintf(head, sizeof head, "%9s  %9s  %8s  %5s  %7" PRId64 "  ",
		 format_bytes(report, holder->held.bytes, kept), format_bytes(report, holder->alone, alone),
		 tool_format_count(holder->held.segments, n), format_ago(holder->held.since, since), holder->pid);
	ctl_prose_print(head, "%s (%s), %s%s%s%s%s%s: %s%s", process.command, first->label, process.user,
			*process.unit ? ", " : "", process.unit, *state ? ", " : "", state, lane, holds, handles);
}

static int print_holders(const struct report *report)
{
	size_t n;
	uint32_t *ranked = ctl_report_rank(report->look, &n);

	if (!ranked)
		return SEGREG_E_NOMEM;
	if (n)
		printf("\n%9s  %9s  %8s  %5s  %7s  %s\n", "KEPT", "IF ENDED", "SEGMENTS", "SINCE", "PID", "PROCESS");
	for (size_t i = 0; i < n && i < report->limit; i++)
		(report->look->holders[ranked[i]].is_lease ? print_lease : print_holder)(report, ranked[i]);
	print_more(report, n, "");
	free(ranked);
	return 0;
}

/* ------------------------------------------------------------------ which to end */

/* Append the command that ends the processes of a step, or takes away what they hold. */
static void describe_end(const struct ctl_look *look, const struct ctl_ends *ends, const struct ctl_end *step,
			 char *text, size_t size)
{
	size_t length = 0, pids = 0, shown = step->n < KILLED ? step->n : KILLED;

	for (size_t i = step->first; i < step->first + shown; i++) {
		const struct ctl_holder *holder = &look->holders[ends->holders[i]];

		if (!holder->is_foreign)
			length += (size_t)snprintf(text + length, size - length, "%s %" PRId64, pids++ ? "" : "kill",
						   holder->pid);
	}
	for (size_t i = step->first; i < step->first + shown; i++) {
		const struct ctl_holder *holder = &look->holders[ends->holders[i]];

		if (holder->is_lease)
			length += (size_t)snprintf(text + length, size - length, "%ssegctl lease drop %s",
						   length ? "; " : "", first_handle(look, ends->holders[i])->label);
		else if (holder->is_foreign)
			length +=
				(size_t)snprintf(text + length, size - length, "%ssegctl evict --lane %" PRIu32,
						 length ? "; " : "", first_handle(look, ends->holders[i])->holder.lane);
	}
	if (step->n > shown)
		snprintf(text + length, size - length, " (and %zu more: --json)", step->n - shown);
}

static int print_ends(const struct report *report)
{
	char head[64], bytes[TOOL_SPAN_SIZE], text[64 + KILLED * (32 + SEGREG_LEASE_NAME_MAX)];
	struct ctl_ends ends;
	int code = ctl_ends_find(report->look, &ends);

	if (!code && (ends.n || ends.dead))
		printf("\n%9s  %s\n", "BACK", "AFTER ALL COMMANDS UP TO HERE");
	if (!code && ends.dead) {
		snprintf(head, sizeof head, "%9s  ", format_bytes(report, ends.dead, bytes));
		ctl_prose_print(head, "segctl sweep takes back what dead processes hold");
	}
	for (size_t i = 0; i < ends.n && i < report->limit && !code; i++) {
		struct ctl_end step = ends.steps[i];

		for (size_t j = i + 1; i == report->limit - 1 && j < ends.n; j++) { /* the last line has the rest */
			step.n += ends.steps[j].n;
			step.freed = ends.steps[j].freed;
		}
		describe_end(report->look, &ends, &step, text, sizeof text);
		snprintf(head, sizeof head, "%9s  ", format_bytes(report, step.freed, bytes));
		ctl_prose_print(head, "%s", text);
	}
	if (ends.n && !code)
		ctl_prose_print("           ", "For a process that must not end: segctl evict PID");
	ctl_ends_free(&ends);
	return code;
}

/* ------------------------------------------------------------------ groups and segments */

static int by_bytes(const void *a, const void *b, void *arg)
{
	const struct ctl_sum *sums = arg, *x = &sums[*(const uint32_t *)a], *y = &sums[*(const uint32_t *)b];

	return x->bytes != y->bytes ? (x->bytes < y->bytes) - (x->bytes > y->bytes) : (x > y) - (x < y);
}

static int print_groups(const struct report *report)
{
	const struct ctl_look *look = report->look;
	uint32_t *order = calloc(look->process_sets.n, sizeof *order);
	char head[64], bytes[TOOL_SPAN_SIZE], n[64], text[512], since[TOOL_SPAN_SIZE];
	size_t n_groups = 0;

	if (!order)
		return SEGREG_E_NOMEM;
	for (uint32_t i = 1; i < look->process_sets.n; i++)
		if (look->process_groups[i].segments)
			order[n_groups++] = i;
	if (n_groups)
		qsort_r(order, n_groups, sizeof *order, by_bytes, look->process_groups);
	if (n_groups && n_groups < look->held.segments)
		printf("\n%9s  %8s  %5s  %s\n", "KEPT", "SEGMENTS", "SINCE", "HELD BY");
	for (size_t i = 0; i < n_groups && i < report->limit && n_groups < look->held.segments; i++) {
		const struct ctl_sum *sum = &look->process_groups[order[i]];

		snprintf(head, sizeof head, "%9s  %8s  %5s  ", format_bytes(report, sum->bytes, bytes),
			 tool_format_count(sum->segments, n), format_ago(sum->since, since));
		ctl_prose_print(head, "%s", ctl_report_name(look, order[i], 2 * NAMED, text, sizeof text));
	}
	if (n_groups < look->held.segments)
		print_more(report, n_groups, "");
	free(order);
	return 0;
}

struct segment {
	const struct report *report;
	const struct ctl_row *row;
};

static int print_segment(void *arg, const struct segreg_info *info)
{
	const struct segment *segment = arg;
	const struct report *report = segment->report;
	const struct ctl_look *look = report->look;
	const struct ctl_row *row = segment->row;
	struct ctl_reason reason = {
		.info = info,
		.pins = info->pins,
		.snapshots = row->snapshots,
		.horizons = row->horizons,
		.leases = row->leases,
		.served = &look->served,
		.is_told = true,
		.base = segreg_base_path(report->ctl->reg),
	};
	char why[CTL_REASON_SIZE], head[96], bytes[TOOL_SPAN_SIZE], ago[TOOL_SPAN_SIZE], names[512] = "";

	ctl_reason_explain(&reason, why, sizeof why);
	if (row->group)
		ctl_report_name(look, look->groups[row->group].process_set, NAMED, names, sizeof names);
	snprintf(head, sizeof head, "%9s  %7s  ", row->is_measured ? format_bytes(report, row->bytes, bytes) : "-",
		 format_ago(info->retired_at, ago));
	if (*names && row->leases && !info->pins && !row->snapshots && !row->horizons)
		ctl_prose_print(head, "%" PRIu64 " %s: held by %s", info->id, info->path, names);
	else
		ctl_prose_print(head, "%" PRIu64 " %s: %s%s%s", info->id, info->path, why, *names ? " of " : "", names);
	return 0;
}

static int print_segments(const struct report *report)
{
	const struct ctl_look *look = report->look;
	int code = 0;

	if (look->n_rows)
		printf("\n%9s  %7s  %s\n", "KEPT", "RETIRED", "ID PATH: WHY");
	for (size_t i = 0; i < look->n_rows && !code; i++) {
		code = segreg_list_one(report->ctl->reg, look->rows[i].id, print_segment,
				       &(struct segment){ .report = report, .row = &look->rows[i] });
		code = code == SEGREG_E_NOENT ? 0 : code; /* deleted meanwhile */
	}
	print_more(report, look->all.segments, "");
	return code;
}

/* ------------------------------------------------------------------ users and units */

static int print_shares(const struct report *report, bool by_unit)
{
	char kept[TOOL_SPAN_SIZE], alone[TOOL_SPAN_SIZE], n[TOOL_SPAN_SIZE], since[TOOL_SPAN_SIZE], head[160];
	struct ctl_share *shares;
	size_t n_shares;
	int code = ctl_shares_find(report->look, by_unit, &shares, &n_shares);

	if (!code && n_shares)
		printf("\n%9s  %9s  %8s  %5s  %9s  %s\n", "KEPT", "IF ENDED", "SEGMENTS", "SINCE", "PROCESSES",
		       by_unit ? "UNIT" : "USER");
	for (size_t i = 0; i < n_shares && i < report->limit && !code; i++) {
		snprintf(head, sizeof head, "%9s  %9s  %8s  %5s  %9" PRIu64 "  ",
			 format_bytes(report, shares[i].held.bytes, kept), format_bytes(report, shares[i].alone, alone),
			 tool_format_count(shares[i].held.segments, n), format_ago(shares[i].held.since, since),
			 shares[i].processes);
		ctl_prose_print(head, "%s", shares[i].name);
	}
	if (!code)
		print_more(report, n_shares, "");
	free(shares);
	return code;
}

int ctl_report_print(struct ctl *ctl, const struct ctl_look *look, enum ctl_by by, size_t limit, bool is_filtered)
{
	const struct report report = { .ctl = ctl, .look = look, .limit = limit };
	int code = 0;

	print_sum(&report, is_filtered);
	if (by == CTL_BY_ALL || by == CTL_BY_HOLDER)
		code = print_holders(&report);
	if (!code && (by == CTL_BY_ALL || by == CTL_BY_HOLDER))
		code = print_ends(&report);
	if (!code && (by == CTL_BY_USER || by == CTL_BY_UNIT))
		code = print_shares(&report, by == CTL_BY_UNIT);
	if (!code && by == CTL_BY_ALL)
		code = print_groups(&report);
	if (!code && (by == CTL_BY_ALL || by == CTL_BY_SEGMENT))
		code = print_segments(&report);
	return code ? ctl_fail(ctl, code) : EX_OK;
}
