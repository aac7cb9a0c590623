/*
 * sr_report.c - what a sweep reports to its caller, event by event. No lock is held meanwhile.
 */
#include "sweep/sr_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void sr_report(struct sr_sweep *sweep, const struct segreg_sweep_event *event)
{
	if (sweep->options->fn && !sweep->stopped)
		sweep->stopped = sweep->options->fn(sweep->options->arg, event) != 0;
}

void sr_report_reclaimed(void *arg, const struct sr_reclaimed *dead)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "process %" PRId64 " died holding %" PRIu64 " pin%s", dead->pid, dead->pins,
		 dead->pins == 1 ? "" : "s");
	sr_report(arg, &(struct segreg_sweep_event){ .action = SEGREG_SWEEP_RECLAIMED,
						     .path = "",
						     .reason = reason,
						     .pins = dead->pins,
						     .pid = dead->pid,
						     .label = dead->label });
}

/* "3 pins and 2 snapshots, one pin by process 17 (reader)" */
static void describe_held(const struct sr_held *held, char *reason, size_t size)
{
	bool is_mixed = !!held->pins + !!held->snapshots + held->has_horizon > 1;
	char amounts[96 + SEGREG_LEASE_NAME_MAX] = "", holder[SEGREG_LABEL_SIZE + 64] = "";
	int n = 0;

	if (held->pins)
		n = snprintf(amounts, sizeof(amounts), "%" PRIu64 " pin%s", held->pins, held->pins == 1 ? "" : "s");
	if (held->snapshots)
		n += snprintf(amounts + n, sizeof(amounts) - n, "%s%" PRIu64 " snapshot%s", n ? " and " : "",
			      held->snapshots, held->snapshots == 1 ? "" : "s");
	if (held->has_horizon)
		n += snprintf(amounts + n, sizeof(amounts) - n, "%sa horizon", n ? " and " : "");
	if (held->lease[0])
		snprintf(amounts + n, sizeof(amounts) - n, "%sthe lease %s", n ? " and " : "", held->lease);
	if (held->pid)
		snprintf(holder, sizeof(holder), "%s process %" PRId64 " (%s)",
			 !held->pins && !held->snapshots ? " of"
			 : !is_mixed                     ? ", one by"
			 : held->pins                    ? ", one pin by"
							 : ", one snapshot by",
			 held->pid, held->label);
	snprintf(reason, size, "%s%s", amounts, holder);
}

void sr_report_held(struct sr_sweep *sweep)
{
	for (uint32_t i = 0; i < sweep->n_held; i++) {
		const struct sr_held *held = &sweep->held[i];
		char reason[SEGREG_LABEL_SIZE + SEGREG_LEASE_NAME_MAX + 160];

		describe_held(held, reason, sizeof(reason));
		sr_report(sweep, &(struct segreg_sweep_event){ .action = SEGREG_SWEEP_HELD,
							       .id = held->id,
							       .path = held->path,
							       .reason = reason,
							       .pins = held->pins,
							       .pid = held->pid,
							       .label = held->label,
							       .snapshots = held->snapshots,
							       .has_horizon = held->has_horizon,
							       .lease = held->lease });
	}
	sweep->n_held = 0;
}

static const char *describe_deleted(const struct sr_victim *victim)
{
	if (victim->removed.is_used_again)
		return "its files were gone already; its path has something else";
	if (victim->removed.was_gone)
		return "its files were gone already";
	return victim->record.ino ? "retired, and no handle holds it" : "reserved, and given up by its builder";
}

void sr_report_victim(struct sr_sweep *sweep, const struct sr_victim *victim)
{
	struct segreg_sweep_event event = { .id = victim->record.id, .path = victim->record.path, .label = "" };
	char reason[512];

	if (victim->fate == SR_FATE_DELETED) {
		event.action = SEGREG_SWEEP_DELETED;
		event.bytes = victim->freed;
		event.reason = describe_deleted(victim);
	} else {
		event.action = SEGREG_SWEEP_FAILED;
		event.error = victim->error;
		event.retry_at = victim->retry_at;
		snprintf(reason, sizeof(reason), "%s: %s", victim->removed.where, strerror(victim->error));
		event.reason = reason;
	}
	sr_report(sweep, &event);
}

bool sr_report_missing(void *arg, uint64_t id, const char *path)
{
	struct sr_sweep *sweep = arg;

	sr_report(sweep, &(struct segreg_sweep_event){ .action = SEGREG_SWEEP_MISSING,
						       .id = id,
						       .path = path,
						       .label = "",
						       .error = ENOENT,
						       .reason = "live, but not on the disk" });
	return !sweep->stopped;
}
