/*
 * reason.c - why a segment is still there, in words.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "segreg.h"
#include "common/format.h"
#include "common/measure.h"
#include "common/mounts.h"
#include "common/now.h"
#include "segctl/process.h"
#include "segctl/reason.h"
#include "segctl/segments.h"

/* advice becomes what the operator does before the next try; "" if nothing is known that helps. */
static void advise(const struct ctl_reason *reason, char *advice, size_t size)
{
	const struct segreg_info *info = reason->info;
	char place[TOOL_PLACE_SIZE], mount[TOOL_PLACE_SIZE];
	bool is_inside = info->error == EXDEV || info->error == EBUSY;

	tool_measure_locate(reason->base, info, place);
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

static void explain_failure(const struct ctl_reason *reason, const char *rest, char *why, size_t size)
{
	const struct segreg_info *info = reason->info;
	int64_t wait = info->retry_at - tool_now_real();
	char times[32] = "", span[TOOL_SPAN_SIZE], advice[TOOL_PLACE_SIZE + 32];

	if (info->attempts > 1)
		snprintf(times, sizeof times, " %" PRIu32 " times", info->attempts);
	advise(reason, advice, sizeof advice);
	snprintf(why, size, "deletion failed%s: %s%s; next try %s%s%s%s", times, ctl_segments_describe_error(info),
		 rest, wait > 0 ? "in " : "with the next sweep",
		 wait > 0 ? tool_format_span(wait + 999999999, span) : "",
		 wait > 0 ? ", or now: segctl sweep --retry-now" : "", advice);
}

size_t ctl_reason_count(uint64_t pins, uint64_t snapshots, uint64_t horizons, uint64_t leases, char *text, size_t size)
{
	const struct {
		uint64_t n;
		const char *noun;
	} holds[] = { { pins, "pin" }, { snapshots, "snapshot" }, { horizons, "horizon" }, { leases, "lease" } };
	size_t length = 0;
	char n[TOOL_SPAN_SIZE];

	*text = '\0';
	for (size_t i = 0; i < sizeof holds / sizeof *holds; i++)
		if (holds[i].n)
			length += (size_t)snprintf(text + length, size - length, "%s%s %s%s", length ? ", " : "",
						   tool_format_count(holds[i].n, n), holds[i].noun,
						   holds[i].n == 1 ? "" : "s");
	return length;
}

struct leases {
	const struct segreg_info *info;
	uint64_t n;
	char *names;
};

static int note_lease(void *arg, const struct segreg_lease *lease)
{
	struct leases *leases = arg;
	const struct segreg_info *info = leases->info;
	size_t length = strlen(leases->names);

	if (!segreg_lease_holds(lease, info->id, info->born, info->retired))
		return 0;
	leases->n++;
	if (length < CTL_LEASE_NAMES / 2)
		snprintf(leases->names + length, CTL_LEASE_NAMES - length, "%s%s", length ? ", " : "", lease->name);
	else if (leases->names[length - 1] != '.')
		strcat(leases->names, ", ...");
	return 0;
}

int ctl_reason_find_leases(const struct ctl *ctl, const struct segreg_info *info, uint64_t *n,
			   char names[CTL_LEASE_NAMES])
{
	struct leases leases = { .info = info, .names = names };
	int code = 0;

	*names = '\0';
	if (info->state == SEGREG_PENDING || info->state == SEGREG_LIVE)
		code = segreg_lease_list(ctl->reg, note_lease, &leases);
	*n = leases.n;
	return code;
}

/*
 * rest becomes "; the rest is /base/.segreg-trash/7.1790000000000000000"; "" if the segment is at its path.
 */
static void describe_rest(const struct ctl_reason *reason, char rest[TOOL_PLACE_SIZE + 16])
{
	char place[TOOL_PLACE_SIZE];

	*rest = '\0';
	if (tool_measure_locate(reason->base, reason->info, place))
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
static void explain_waiting(const struct ctl_reason *reason, const char *rest, char *why, size_t size)
{
	bool is_begun = reason->info->state == SEGREG_DELETING;
	bool fails = reason->served->is_running && *reason->served->error;
	char text[TOOL_SERVED_TEXT], what[128];

	tool_served_describe(reason->served, text);
	snprintf(what, sizeof what, "%s", is_begun ? "deletion begun" : "not held");
	if (reason->info->is_abandoned)
		describe_builder(reason->info, what, sizeof what);
	if (reason->served->is_running && !fails)
		snprintf(why, size, "%s%s", is_begun ? "being deleted" : what, is_begun ? "" : "; waits for segregd");
	else if (reason->is_told)
		snprintf(why, size, "%s%s, but %s", what, is_begun ? rest : "",
			 fails ? "segregd fails" : "no segregd runs: segctl sweep");
	else if (fails)
		snprintf(why, size, "%s%s; %s", what, is_begun ? rest : "", text);
	else
		snprintf(why, size, "%s%s, but no segregd runs: segctl sweep%s", what, is_begun ? rest : "",
			 text + strlen("no segregd runs"));
}

void ctl_reason_explain(const struct ctl_reason *reason, char *why, size_t size)
{
	const struct segreg_info *info = reason->info;
	char holds[128 + CTL_LEASE_NAMES], rest[TOOL_PLACE_SIZE + 16];
	size_t length = ctl_reason_count(reason->pins, reason->snapshots, reason->horizons, reason->leases, holds,
					 sizeof holds);

	describe_rest(reason, rest);
	if (reason->leases && reason->lease_names)
		snprintf(holds + length, sizeof holds - length, " (%s)", reason->lease_names);
	if (info->state == SEGREG_LIVE)
		snprintf(why, size, "live, so nothing deletes it; %s", *holds ? holds : "nobody holds it");
	else if (info->state == SEGREG_BUILDING && !info->is_abandoned)
		describe_builder(info, why, size);
	else if (info->state == SEGREG_PENDING && *holds)
		snprintf(why, size, "held by %s", holds);
	else if (info->error)
		explain_failure(reason, rest, why, size);
	else
		explain_waiting(reason, rest, why, size);
}
