/*
 * metrics.c - the metrics of a server, in the text format of Prometheus, in a file for the textfile collector of
 * node_exporter.
 *
 * The file is written aside and renamed, after a sweep that changed its text: no sweep runs for its sake. It is also
 * written with each heartbeat, so that an idle segregd differs from a dead one. The disk space of a retired segment is
 * measured once, since segments do not change.
 *
 * A time that does not exist has no sample. A 0 would be a time decades ago for "time() - x > 3600".
 *
 * Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text-based, version 0.0.4).
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "segreg.h"
#include "common/measure.h"
#include "common/now.h"
#include "common/text.h"
#include "segregd/config.h"
#include "segregd/log.h"
#include "segregd/metrics.h"

/* Upper bounds of the buckets of sweeps' durations, in seconds; one more is +Inf. */
static const double bounds[] = { 0.001, 0.01, 0.1, 1, 10, 100, 1000 };
#define N_BUCKETS (sizeof bounds / sizeof *bounds + 1)

/* A retired segment whose size is known. */
struct size {
	uint64_t id, born;
	uint64_t bytes;
};

struct metrics {
	char *path, *aside;
	char *registry; /* escaped, as a label's value */
	char *base;     /* its path, of the last sweep */
	char *written;  /* the text of the file, without what put_rest writes */
	void *sizes;    /* sizes of the segments that were pending after the last sweep: tree of struct size */
	bool has_complained;
	uint64_t heartbeat_us, next_us; /* 0: none; when the next heartbeat is due */
	uint64_t n_sweeps, n_errors, n_hurried, n_waits, buckets[N_BUCKETS];
	double seconds;
	/* of this round */
	struct segreg *reg;
	void *new_sizes;
	uint64_t pending_bytes, oldest_id, holders;
	uint64_t commits, commit_ns, commit_ns_max, discards;
	int64_t oldest_at;
};

/* Escape the value of a label. Bytes that are not valid UTF-8 become \xNN. */
static char *escape_label(const char *name)
{
	char *text = tool_text_escape(name, false), *escaped = text ? malloc(2 * strlen(text) + 1) : NULL,
	     *to = escaped;

	for (const char *from = text; escaped && *from; from++) {
		if (*from == '\\' || *from == '"' || *from == '\n')
			*to++ = '\\';
		*to++ = *from == '\n' ? 'n' : *from;
	}
	if (escaped)
		*to = '\0';
	free(text);
	return escaped;
}

/*
 * Returns DIR/segreg-var-lib-engine-registry.prom: '-' stands for '/', and %XX for what is neither a letter, a digit,
 * '_' nor '.'.
 */
static char *name_file(const char *dir, const char *registry)
{
	char name[3 * SEGREG_PATH_SIZE], *to = name, *path;

	for (const char *c = registry + (*registry == '/'); *c && to < name + sizeof name - 4; c++) {
		if (*c == '/' || isalnum((unsigned char)*c) || *c == '_' || *c == '.')
			*to++ = *c == '/' ? '-' : *c;
		else
			to += sprintf(to, "%%%02X", (unsigned char)*c);
	}
	*to = '\0';
	return asprintf(&path, "%s/segreg-%s.prom", dir, name) < 0 ? NULL : path;
}

struct metrics *metrics_new(const struct settings *settings)
{
	struct metrics *metrics = calloc(1, sizeof *metrics);

	if (!metrics)
		return NULL;
	metrics->path = name_file(settings->metrics, settings->dir);
	metrics->registry = escape_label(settings->dir);
	metrics->heartbeat_us = settings->heartbeat_ms * 1000;
	if (metrics->path && asprintf(&metrics->aside, "%s.new", metrics->path) < 0)
		metrics->aside = NULL;
	if (metrics->aside && strlen(strrchr(metrics->aside, '/') + 1) > NAME_MAX) {
		warn("no metrics: the registry's path makes a file name of more than %d bytes; give it a shorter one",
		     NAME_MAX);
	} else if (metrics->aside && metrics->registry) {
		return metrics;
	} else {
		warn("no memory for metrics");
	}
	metrics_free(metrics);
	return NULL;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	tdestroy(metrics->sizes, free);
	free(metrics->path);
	free(metrics->aside);
	free(metrics->registry);
	free(metrics->base);
	free(metrics->written);
	free(metrics);
}

/* ------------------------------------------------------------------ what is pending */

static int by_segment(const void *a, const void *b)
{
	const struct size *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->born > y->born) - (x->born < y->born);
}

/* Take a known size out of the old tree, or measure a new one. NULL: that failed, or memory is short. */
static struct size *take_size(struct metrics *metrics, const struct segreg_info *info)
{
	struct size wanted = { .id = info->id, .born = info->born }, *size;
	struct size **found = tfind(&wanted, &metrics->sizes, by_segment);

	if (found) {
		size = *found;
		tdelete(size, &metrics->sizes, by_segment);
		return size;
	}
	size = malloc(sizeof *size);
	if (!size)
		return NULL;
	*size = wanted;
	if (tool_measure_segment(segreg_base_path(metrics->reg), info, &size->bytes))
		return size;
	free(size); /* the next round tries again */
	return NULL;
}

static uint64_t keep_size(struct metrics *metrics, const struct segreg_info *info)
{
	struct size *size = take_size(metrics, info),
		    **kept = size ? tsearch(size, &metrics->new_sizes, by_segment) : NULL;
	uint64_t bytes = size ? size->bytes : 0;

	if (!kept || *kept != size)
		free(size);
	return bytes;
}

static int note_pending(void *arg, const struct segreg_info *info)
{
	struct metrics *metrics = arg;

	if (info->is_abandoned)
		return 0;
	metrics->pending_bytes += keep_size(metrics, info);
	if (info->state == SEGREG_PENDING && (!metrics->oldest_at || info->retired_at < metrics->oldest_at)) {
		metrics->oldest_at = info->retired_at;
		metrics->oldest_id = info->id;
	}
	return 0;
}

static int look_at_pending(struct metrics *metrics)
{
	int code;

	metrics->pending_bytes = metrics->oldest_id = metrics->holders = 0;
	metrics->oldest_at = 0;
	metrics->new_sizes = NULL;
	code = segreg_list_retired(metrics->reg, note_pending, metrics);
	tdestroy(metrics->sizes, free);
	metrics->sizes = metrics->new_sizes;
	return code;
}

static int count_holder(void *arg, const struct segreg_holder *holder)
{
	uint64_t *n = arg;

	(void)holder;
	*n += 1;
	return 0;
}

/* ------------------------------------------------------------------ the text */

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP segreg_%s %s\n# TYPE segreg_%s %s\n", name, help, name, type);
}

static void put(FILE *out, const struct metrics *metrics, const char *name, const char *type, const char *help,
		double value)
{
	put_head(out, name, type, help);
	fprintf(out, "segreg_%s{registry=\"%s\"} %.17g\n", name, metrics->registry, value);
}

/* A time in nanoseconds of CLOCK_REALTIME; 0: there is none. */
static void put_time(FILE *out, const struct metrics *metrics, const char *name, const char *help, int64_t at)
{
	if (at)
		put(out, metrics, name, "gauge", help, (double)at / 1e9);
}

static void put_states(FILE *out, const struct metrics *metrics, const struct segreg_stats *stats)
{
	const struct {
		const char *name;
		uint64_t n;
	} states[] = { { "building", stats->building },
		       { "live", stats->live },
		       { "pending", stats->pending },
		       { "deleting", stats->deleting } };

	put_head(out, "segments", "gauge", "Segments by state.");
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		fprintf(out, "segreg_segments{registry=\"%s\",state=\"%s\"} %" PRIu64 "\n", metrics->registry,
			states[i].name, states[i].n);
}

static void put_stats(FILE *out, struct metrics *metrics, const struct segreg_stats *stats)
{
	put_head(out, "build_info", "gauge", "The version of segregd.");
	fprintf(out, "segreg_build_info{registry=\"%s\",version=\"%s\"} 1\n", metrics->registry,
		segreg_version_string());
	put_states(out, metrics, stats);
	put(out, metrics, "failed_segments", "gauge", "Segments whose last deletion failed.", (double)stats->failed);
	put(out, metrics, "missing_segments", "gauge", "Live segments that the disk did not have.",
	    (double)stats->missing);
	put_time(out, metrics, "failing_discards_timestamp_seconds",
		 "Since when discards cannot be made durable; absent if all of them can.",
		 (int64_t)stats->discards_since);
	put(out, metrics, "pending_bytes", "gauge", "Disk space of retired segments that are still there.",
	    (double)metrics->pending_bytes);
	put_time(out, metrics, "oldest_pending_timestamp_seconds",
		 "When the oldest pending segment was retired; absent if there is none.", metrics->oldest_at);
	put(out, metrics, "handles", "gauge", "Handles attached, in all processes.", (double)stats->lanes);
	put(out, metrics, "shared_memory_bytes", "gauge", "Shared memory in use.", (double)stats->region_bytes);
	put(out, metrics, "max_segments", "gauge", "Limit of segments at once.", (double)stats->max_segments);
	put(out, metrics, "max_handles", "gauge", "Limit of handles at once.", (double)stats->max_lanes);
	put(out, metrics, "versions_total", "counter", "Edits committed since the registry was made.",
	    (double)stats->version);
	put(out, metrics, "starts_total", "counter", "Times that the shared memory was built.", (double)stats->starts);
	put(out, metrics, "deleted_segments_total", "counter", "Segments deleted since the shared memory was built.",
	    (double)stats->deleted);
	put(out, metrics, "freed_bytes_total", "counter", "Disk space that this gave back.",
	    (double)stats->bytes_freed);
	put(out, metrics, "reclaimed_handles_total", "counter", "Handles of dead processes cleaned up.",
	    (double)stats->reclaimed);
	put(out, metrics, "reclaimed_pins_total", "counter", "Pins that those had held.",
	    (double)stats->reclaimed_pins);
	put(out, metrics, "repairs_total", "counter", "Repairs after a death inside a change.", (double)stats->repairs);
	put(out, metrics, "sweep_waits_total", "counter",
	    "Times that sweeps began to wait for memory, since segregd started.", (double)metrics->n_waits);
}

static void put_commits(FILE *out, const struct metrics *metrics)
{
	put_head(out, "commit_duration_seconds", "summary",
		 "How long it took to make the database durable, since the shared memory was built.");
	fprintf(out, "segreg_commit_duration_seconds_sum{registry=\"%s\"} %.9f\n", metrics->registry,
		(double)metrics->commit_ns / 1e9);
	fprintf(out, "segreg_commit_duration_seconds_count{registry=\"%s\"} %" PRIu64 "\n", metrics->registry,
		metrics->commits);
	put(out, metrics, "commit_duration_seconds_max", "gauge", "The longest of those.",
	    (double)metrics->commit_ns_max / 1e9);
}

/* The disk that the deletions are for. */
static void put_disk(FILE *out, const struct metrics *metrics)
{
	struct statvfs disk;

	if (!metrics->base || statvfs(metrics->base, &disk) == -1)
		return;
	put(out, metrics, "base_avail_bytes", "gauge", "Disk space that users may take on the file system of base.",
	    (double)disk.f_bavail * (double)disk.f_frsize);
	put(out, metrics, "base_size_bytes", "gauge", "Size of that file system.",
	    (double)disk.f_blocks * (double)disk.f_frsize);
}

/* Write what can change with each sweep, and is no reason to write the file. */
static void put_rest(FILE *out, const struct metrics *metrics)
{
	uint64_t sum = 0;

	if (metrics->heartbeat_us) {
		put_time(out, metrics, "heartbeat_timestamp_seconds", "When segregd wrote this.", tool_now_real());
		put(out, metrics, "heartbeat_interval_seconds", "gauge", "How often it does so without news.",
		    (double)metrics->heartbeat_us / 1e6);
	}
	put_disk(out, metrics);
	put_commits(out, metrics);
	put(out, metrics, "waiting_discards", "gauge", "Discards that wait in shared memory.",
	    (double)metrics->discards);
	put(out, metrics, "oldest_pending_holders", "gauge", "Handles that hold the oldest pending segment.",
	    (double)metrics->holders);
	put(out, metrics, "sweep_errors_total", "counter", "Sweeps that failed, since segregd started.",
	    (double)metrics->n_errors);
	put(out, metrics, "hurried_sweeps_total", "counter",
	    "Sweeps that did without their pace, since segregd started.", (double)metrics->n_hurried);
	put_head(out, "sweep_duration_seconds", "histogram", "How long sweeps took, since segregd started.");
	for (size_t i = 0; i < N_BUCKETS; i++) {
		sum += metrics->buckets[i];
		fprintf(out, "segreg_sweep_duration_seconds_bucket{registry=\"%s\",le=\"", metrics->registry);
		fprintf(out, i < N_BUCKETS - 1 ? "%g" : "+Inf", i < N_BUCKETS - 1 ? bounds[i] : 0);
		fprintf(out, "\"} %" PRIu64 "\n", sum);
	}
	fprintf(out, "segreg_sweep_duration_seconds_sum{registry=\"%s\"} %.9f\n", metrics->registry, metrics->seconds);
	fprintf(out, "segreg_sweep_duration_seconds_count{registry=\"%s\"} %" PRIu64 "\n", metrics->registry,
		metrics->n_sweeps);
}

/* ------------------------------------------------------------------ the file */

/* Make a new file. What another process has put at path, a symbolic link perhaps, is not written to. */
static FILE *make_file(const char *path)
{
	int fd = unlink(path) == 0 || errno == ENOENT
			 ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)
			 : -1;
	FILE *file = fd == -1 ? NULL : fdopen(fd, "w");

	if (fd != -1 && !file)
		close(fd);
	if (file)
		fchmod(fd, 0644); /* whatever the umask is: node_exporter runs as another user */
	return file;
}

static bool write_file(const struct metrics *metrics, const char *text)
{
	FILE *out = make_file(metrics->aside);
	bool good = out != NULL;
	int error;

	if (out) {
		fputs(text, out);
		put_rest(out, metrics);
		good = !ferror(out);
		good = fclose(out) == 0 && good;
	}
	if (good && rename(metrics->aside, metrics->path) == 0)
		return true;
	error = errno;
	if (out)
		unlink(metrics->aside);
	errno = error;
	return false;
}

static void complain(struct metrics *metrics)
{
	if (!metrics->has_complained)
		warn("cannot write %s: %s", metrics->path, strerror(errno));
	metrics->has_complained = true;
}

/* Frees text, or keeps it. */
static void publish(struct metrics *metrics, char *text)
{
	if (metrics->written && !strcmp(metrics->written, text)) {
		free(text);
		return;
	}
	if (write_file(metrics, text)) {
		free(metrics->written);
		metrics->written = text;
		metrics->has_complained = false;
		metrics->next_us = tool_now_us() + metrics->heartbeat_us;
		return;
	}
	complain(metrics);
	free(text);
}

void metrics_beat(struct metrics *metrics)
{
	uint64_t now = tool_now_us();

	if (!metrics || !metrics->heartbeat_us || !metrics->written || now < metrics->next_us)
		return;
	metrics->next_us = now + metrics->heartbeat_us;
	if (!write_file(metrics, metrics->written))
		complain(metrics);
}

static void count_sweep(struct metrics *metrics, const struct segreg_sweep_result *result, double seconds)
{
	size_t bucket = 0;

	if (!result) {
		metrics->n_errors++;
		return;
	}
	while (bucket < N_BUCKETS - 1 && seconds > bounds[bucket])
		bucket++;
	metrics->buckets[bucket]++;
	metrics->n_sweeps++;
	metrics->seconds += seconds;
}

void metrics_count_hurry(struct metrics *metrics)
{
	if (metrics)
		metrics->n_hurried++;
}

void metrics_count_wait(struct metrics *metrics)
{
	if (metrics)
		metrics->n_waits++;
}

void metrics_update(struct metrics *metrics, struct segreg *reg, const struct segreg_sweep_result *result,
		    double seconds)
{
	struct segreg_stats stats = { .size = sizeof stats };
	char *text = NULL;
	size_t length;
	FILE *out;

	count_sweep(metrics, result, seconds);
	metrics->reg = reg;
	if (!result || segreg_stats(reg, &stats) || look_at_pending(metrics))
		return;
	if (!metrics->base || strcmp(metrics->base, segreg_base_path(reg))) {
		free(metrics->base);
		metrics->base = strdup(segreg_base_path(reg));
	}
	metrics->commits = stats.commits;
	metrics->commit_ns = stats.commit_ns;
	metrics->commit_ns_max = stats.commit_ns_max;
	metrics->discards = stats.discards;
	if (metrics->oldest_at)
		segreg_holders(reg, metrics->oldest_id, count_holder, &metrics->holders);
	out = open_memstream(&text, &length);
	if (!out)
		return;
	put_stats(out, metrics, &stats);
	if (fclose(out) == 0)
		publish(metrics, text);
	else
		free(text);
}
