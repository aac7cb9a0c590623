/* log.c - the log of segregd: lines for people, for the journal, or as JSON. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "segreg.h"
#include "common/event.h"
#include "common/format.h"
#include "common/now.h"
#include "common/out.h"
#include "common/text.h"
#include "segregd/burst.h"
#include "segregd/log.h"

static enum log_format form = LOG_FORMAT_PLAIN;
static const char *registry;
static struct tool_out out_to = { .fd = STDERR_FILENO };
static uint64_t n_lost; /* lines that found no room, since the last line that was written */
static bool is_cut;     /* the last line was written only in part */

static const char *const names[] = {
	[LOG_FORMAT_AUTO] = "auto",       [LOG_FORMAT_PLAIN] = "plain", [LOG_FORMAT_TIME] = "time",
	[LOG_FORMAT_JOURNAL] = "journal", [LOG_FORMAT_JSON] = "json",
};

bool log_parse_format(const char *name, enum log_format *format)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], name)) {
			*format = (enum log_format)i;
			return true;
		}
	return false;
}

/*
 * stderr is the stream of journald. JOURNAL_STREAM has "DEVICE:INODE" of that stream; stderr may have been redirected
 * since.
 */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uint64_t dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%" SCNu64 ":%" SCNu64, &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

void log_open(enum log_format format, const char *of)
{
	tool_out_close(&out_to);
	tool_out_open(&out_to, STDERR_FILENO);
	registry = of;
	form = format;
	if (format == LOG_FORMAT_AUTO)
		form = is_journal() ? LOG_FORMAT_JOURNAL : isatty(STDERR_FILENO) ? LOG_FORMAT_PLAIN : LOG_FORMAT_TIME;
}

static const char *now(char buf[32])
{
	time_t seconds = time(NULL);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

/* ------------------------------------------------------------------ JSON */

static void put_string(FILE *out, const char *key, const char *text)
{
	char *clean = tool_text_escape(text, false);

	fprintf(out, ",\"%s\":\"", key);
	for (const char *c = clean ? clean : ""; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if ((unsigned char)*c < 0x20)
			fprintf(out, "\\u%04x", *c);
		else
			putc(*c, out);
	}
	putc('"', out);
	free(clean);
}

static void put_event(FILE *out, const struct segreg_sweep_event *event)
{
	put_string(out, "event", tool_event_name(event));
	if (event->action == SEGREG_SWEEP_RECLAIMED || event->action == SEGREG_SWEEP_HELD) {
		fprintf(out, ",\"pid\":%" PRId64 ",\"pins\":%" PRIu64, event->pid, event->pins);
		if (event->label)
			put_string(out, "label", event->label);
	}
	if (event->action == SEGREG_SWEEP_HELD)
		fprintf(out, ",\"snapshots\":%" PRIu64 ",\"has_horizon\":%s", event->snapshots,
			event->has_horizon ? "true" : "false");
	if (event->action == SEGREG_SWEEP_RECLAIMED)
		return;
	fprintf(out, ",\"id\":%" PRIu64, event->id);
	put_string(out, "path", event->path);
	if (event->action == SEGREG_SWEEP_DELETED)
		fprintf(out, ",\"bytes\":%" PRIu64, event->bytes);
	if (event->action == SEGREG_SWEEP_FAILED)
		fprintf(out, ",\"errno\":%d,\"retry_at\":%" PRId64, event->error, event->retry_at / 1000000000);
}

static void put_json(FILE *out, int priority, const char *message, const struct segreg_sweep_event *event)
{
	char time[32];

	fprintf(out, "{\"time\":\"%s\",\"priority\":%d", now(time), priority);
	if (registry)
		put_string(out, "registry", registry);
	if (event)
		put_event(out, event);
	put_string(out, "message", message);
	putc('}', out);
}

/* ------------------------------------------------------------------ lines */

static void put_text(FILE *out, int priority, const char *message)
{
	char time[32];

	if (form == LOG_FORMAT_JOURNAL)
		fprintf(out, "<%d>", priority);
	if (form == LOG_FORMAT_TIME)
		fprintf(out, "%s ", now(time));
	fprintf(out, "segregd: ");
	if (registry)
		fprintf(out, "%s: ", registry);
	fprintf(out, "%s", message);
}

static void put(FILE *out, int priority, const char *message, const struct segreg_sweep_event *event)
{
	if (form == LOG_FORMAT_JSON)
		put_json(out, priority, message, event);
	else
		put_text(out, priority, message);
	putc('\n', out);
}

/*
 * Write a line by one write, so that lines of several processes do not mix. A line that finds no room is lost, and the
 * sweep goes on.
 */
static void put_line(int priority, const char *message, const struct segreg_sweep_event *event)
{
	char *line = NULL, loss[96];
	size_t length;
	FILE *out = open_memstream(&line, &length);
	ssize_t written;

	if (!out)
		return;
	if (is_cut)
		putc('\n', out);
	if (n_lost) {
		snprintf(loss, sizeof loss, "%" PRIu64 " %s lost: the log was not read in time", n_lost,
			 tool_plural(n_lost, "line was", "lines were"));
		put(out, LOG_WARNING, loss, NULL);
	}
	put(out, priority, message, event);
	if (fclose(out) == 0) {
		written = tool_out_write(&out_to, line, length);
		n_lost = written > 0 ? 0 : n_lost + 1;
		is_cut = written > 0 ? (size_t)written < length : is_cut;
	}
	free(line);
}

void log_say(int priority, const char *format, ...)
{
	va_list args;
	char *message;

	va_start(args, format);
	message = tool_text_vformat(format, args);
	va_end(args);
	put_line(priority, message ? message : "out of memory", NULL);
	free(message);
}

/* Describe an event: "...; next try in 2 s". */
static char *describe(const struct segreg_sweep_event *event)
{
	double wait = (double)(event->retry_at - tool_now_real()) / 1e9;
	char *line = tool_event_describe(event, false), *longer;

	if (!line || event->action != SEGREG_SWEEP_FAILED || !event->retry_at)
		return line;
	if (asprintf(&longer, "%s; next try in %.0f s", line, wait > 0 ? wait : 0) < 0)
		return line;
	free(line);
	return longer;
}

static int priority_of(enum segreg_sweep_action action)
{
	return action == SEGREG_SWEEP_FAILED || action == SEGREG_SWEEP_MISSING ? LOG_WARNING : LOG_INFO;
}

/* A program that reads JSON counts on a line for each event, so a burst is as long as it is. */
void log_say_event(const struct segreg_sweep_event *event)
{
	char *line;

	log_say_sums(true);
	line = describe(event);
	if (line && form != LOG_FORMAT_JSON && !burst_admits(event, line))
		return;
	put_line(priority_of(event->action), line ? line : "out of memory", event);
	free(line);
}

void log_say_sums(bool only_over)
{
	for (enum segreg_sweep_action action = SEGREG_SWEEP_DELETED; action <= SEGREG_SWEEP_MISSING; action++) {
		char *line = burst_take_sum(action, only_over);

		if (line)
			put_line(priority_of(action), line, NULL);
		free(line);
	}
}
