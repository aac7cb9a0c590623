/*
 * report_json.c - a look as JSON, with nothing left out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/now.h"
#include "segctl/ends.h"
#include "segctl/process.h"
#include "segctl/reason.h"
#include "segctl/report.h"
#include "segctl/report_json.h"
#include "segctl/segments.h"
#include "segctl/shares.h"

void ctl_report_json_begin(struct ctl_report_json *report, const char *base)
{
	*report = (struct ctl_report_json){ .base = base };
	ctl_json_open(&report->json, NULL, '{');
	ctl_json_open(&report->json, "segments", '[');
}

int ctl_report_json_segment(void *arg, const struct ctl_look *look, const struct ctl_kept *kept)
{
	struct ctl_report_json *report = arg;
	struct ctl_json *json = &report->json;
	const struct segreg_info *info = kept->info;
	struct ctl_reason reason = { .info = info,
				     .pins = info->pins,
				     .snapshots = kept->snapshots,
				     .horizons = kept->horizons,
				     .leases = kept->leases,
				     .served = &look->served,
				     .base = report->base };
	char why[CTL_REASON_SIZE];

	ctl_reason_explain(&reason, why, sizeof why);
	ctl_json_open(json, NULL, '{');
	ctl_json_number(json, "id", info->id);
	ctl_json_text(json, "state", segreg_state_name(info->state));
	ctl_json_text(json, "path", info->path);
	if (kept->is_measured)
		ctl_json_number(json, "kept", kept->bytes);
	else
		ctl_json_null(json, "kept");
	ctl_json_time(json, "retired_at", info->retired_at);
	ctl_json_time(json, "held_since", info->held_since);
	ctl_json_time(json, "retry_at", info->retry_at);
	ctl_json_number(json, "pins", info->pins);
	ctl_json_number(json, "snapshots", kept->snapshots);
	ctl_json_number(json, "horizons", kept->horizons);
	ctl_json_number(json, "leases", kept->leases);
	if (info->builder_pid)
		ctl_json_number(json, "builder", (uint64_t)info->builder_pid);
	else
		ctl_json_null(json, "builder");
	ctl_json_text(json, "error", info->error ? ctl_segments_describe_error(info) : NULL);
	ctl_json_text(json, "why", why);
	ctl_json_number(json, "group", kept->group);
	ctl_json_close(json, '}');
	return 0;
}

static void put_sum(struct ctl_json *json, const struct ctl_sum *sum)
{
	ctl_json_number(json, "segments", sum->segments);
	ctl_json_number(json, "kept", sum->bytes);
	ctl_json_number(json, "unmeasured", sum->unmeasured);
	ctl_json_time(json, "since_at", sum->since);
}

/* The handles of a set, by their lanes. */
static void put_groups(struct ctl_json *json, const struct ctl_look *look)
{
	size_t i;

	ctl_json_open(json, "groups", '[');
	for (uint32_t group = 0; group < look->n_groups; group++) {
		ctl_json_open(json, NULL, '{');
		ctl_json_number(json, "group", group);
		put_sum(json, &look->groups[group].sum);
		ctl_json_open(json, "lanes", '[');
		CTL_SET_EACH(i, ctl_sets_get(&look->sets, group), look->sets.words)
		if (!look->handles[i].is_lease)
			ctl_json_number(json, NULL, look->handles[i].holder.lane);
		ctl_json_close(json, ']');
		ctl_json_open(json, "leases", '[');
		CTL_SET_EACH(i, ctl_sets_get(&look->sets, group), look->sets.words)
		if (look->handles[i].is_lease)
			ctl_json_text(json, NULL, look->handles[i].label);
		ctl_json_close(json, ']');
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
}

static void put_handle(struct ctl_json *json, const struct ctl_handle *handle)
{
	const struct segreg_holder *holder = &handle->holder;

	ctl_json_open(json, NULL, '{');
	ctl_json_number(json, "lane", holder->lane);
	ctl_json_text(json, "label", handle->label);
	ctl_json_flag(json, "evicted", holder->is_evicted);
	ctl_json_number(json, "pins", holder->pins);
	ctl_json_number(json, "snapshots", holder->snapshots);
	ctl_json_number(json, "horizons", holder->horizons);
	if (holder->oldest)
		ctl_json_number(json, "oldest", holder->oldest);
	else
		ctl_json_null(json, "oldest");
	ctl_json_time(json, "attached_at", holder->attached_at);
	put_sum(json, &handle->held);
	ctl_json_close(json, '}');
}

static void put_holder(struct ctl_json *json, const struct ctl_look *look, const struct ctl_holder *holder)
{
	struct ctl_process process;

	ctl_process_find(&look->handles[look->order[holder->first]].holder, &process);
	ctl_json_open(json, NULL, '{');
	ctl_json_number(json, "pid", (uint64_t)holder->pid);
	ctl_json_flag(json, "foreign", holder->is_foreign);
	ctl_json_text(json, "state", *process.state ? process.state : NULL);
	ctl_json_text(json, "command", process.command);
	ctl_json_text(json, "command_line", process.command_line);
	ctl_json_text(json, "user", process.user);
	ctl_json_text(json, "unit", *process.unit ? process.unit : NULL);
	ctl_json_text(json, "cgroup", *process.cgroup ? process.cgroup : NULL);
	put_sum(json, &holder->held);
	ctl_json_number(json, "alone", holder->alone);
	ctl_json_open(json, "handles", '[');
	for (uint32_t i = 0; i < holder->n; i++)
		put_handle(json, &look->handles[look->order[holder->first + i]]);
	ctl_json_close(json, ']');
	ctl_json_close(json, '}');
}

/* A lease, in the form of a process; what it holds comes back when it is dropped. */
static void put_lease(struct ctl_json *json, const struct ctl_look *look, const struct ctl_holder *holder)
{
	char user[64];

	ctl_process_find_user(holder->uid, user);
	ctl_json_open(json, NULL, '{');
	ctl_json_text(json, "lease", look->handles[look->order[holder->first]].label);
	ctl_json_text(json, "user", user);
	put_sum(json, &holder->held);
	ctl_json_number(json, "alone", holder->alone);
	ctl_json_close(json, '}');
}

static int put_holders(struct ctl_json *json, const struct ctl_look *look)
{
	size_t n;
	uint32_t *ranked = ctl_report_rank(look, &n);

	if (!ranked)
		return SEGREG_E_NOMEM;
	ctl_json_open(json, "holders", '[');
	for (size_t i = 0; i < n; i++)
		(look->holders[ranked[i]].is_lease ? put_lease : put_holder)(json, look, &look->holders[ranked[i]]);
	ctl_json_close(json, ']');
	free(ranked);
	return 0;
}

static int put_shares(struct ctl_json *json, const struct ctl_look *look, bool by_unit)
{
	struct ctl_share *shares;
	size_t n;
	int code = ctl_shares_find(look, by_unit, &shares, &n);

	if (!code)
		ctl_json_open(json, by_unit ? "units" : "users", '[');
	for (size_t i = 0; i < n && !code; i++) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, by_unit ? "unit" : "user", shares[i].name);
		ctl_json_number(json, "processes", shares[i].processes);
		put_sum(json, &shares[i].held);
		ctl_json_number(json, "alone", shares[i].alone);
		ctl_json_close(json, '}');
	}
	if (!code)
		ctl_json_close(json, ']');
	free(shares);
	return code;
}

static int put_ends(struct ctl_json *json, const struct ctl_look *look)
{
	struct ctl_ends ends;
	int code = ctl_ends_find(look, &ends);

	if (!code)
		ctl_json_open(json, "ends", '[');
	for (size_t i = 0; i < ends.n && !code; i++) {
		const struct ctl_end *end = &ends.steps[i];

		ctl_json_open(json, NULL, '{');
		ctl_json_number(json, "freed", end->freed);
		ctl_json_open(json, "pids", '[');
		for (size_t j = end->first; j < end->first + end->n; j++)
			if (!look->holders[ends.holders[j]].is_lease)
				ctl_json_number(json, NULL, (uint64_t)look->holders[ends.holders[j]].pid);
		ctl_json_close(json, ']');
		ctl_json_open(json, "leases", '[');
		for (size_t j = end->first; j < end->first + end->n; j++)
			if (look->holders[ends.holders[j]].is_lease)
				ctl_json_text(json, NULL,
					      look->handles[look->order[look->holders[ends.holders[j]].first]].label);
		ctl_json_close(json, ']');
		ctl_json_open(json, "lanes", '[');
		for (size_t j = end->first; j < end->first + end->n; j++)
			for (uint32_t k = 0; k < look->holders[ends.holders[j]].n; k++) {
				uint32_t handle = look->order[look->holders[ends.holders[j]].first + k];

				if (!look->handles[handle].is_lease)
					ctl_json_number(json, NULL, look->handles[handle].holder.lane);
			}
		ctl_json_close(json, ']');
		ctl_json_close(json, '}');
	}
	if (!code)
		ctl_json_close(json, ']');
	ctl_ends_free(&ends);
	return code;
}

static void put_named_sum(struct ctl_json *json, const char *name, const struct ctl_sum *sum)
{
	ctl_json_open(json, name, '{');
	put_sum(json, sum);
	ctl_json_close(json, '}');
}

int ctl_report_json_end(struct ctl_report_json *report, const struct ctl_look *look)
{
	struct ctl_json *json = &report->json;
	int code;

	ctl_json_close(json, ']');
	put_groups(json, look);
	code = put_holders(json, look);
	if (!code)
		code = put_ends(json, look);
	if (!code)
		code = put_shares(json, look, false);
	if (!code)
		code = put_shares(json, look, true);
	if (code)
		return code;
	ctl_json_open(json, "totals", '{');
	put_named_sum(json, "all", &look->all);
	put_named_sum(json, "held", &look->held);
	put_named_sum(json, "waiting", &look->waiting);
	put_named_sum(json, "failed", &look->failed);
	ctl_json_number(json, "version", look->version);
	ctl_json_number(json, "snapshots", look->snapshots.n);
	ctl_json_number(json, "horizons", look->horizons.n);
	ctl_json_number(json, "handles", look->n_handles);
	ctl_json_flag(json, "sweeper", look->served.is_running);
	ctl_json_text(json, "sweeper_error", *look->served.error ? look->served.error : NULL);
	ctl_json_close(json, '}');
	ctl_json_close(json, '}');
	return 0;
}
