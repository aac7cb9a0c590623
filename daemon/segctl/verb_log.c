/*
 * verb_log.c - segctl log: what became of segments and handles, in the order in which it happened.
 *
 * The journal has what ended, with its beginning. The registry itself has the beginning of what has not ended: a
 * registration, and perhaps a retirement.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segreg.h"
#include "common/now.h"
#include "segctl/bytes.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/suggest.h"
#include "segctl/table.h"

enum {
	AT,
	AGE,
	EVENT,
	ID,
	PATH,
	BYTES,
	VERSION,
	PID,
	LABEL,
	PINS,
	SNAPSHOTS,
	BY_PID,
	BY_LABEL,
	REASON,
	USER_BYTES,
};

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_log = {
	.name = "log",
	.operands = "[SEGMENT]",
	.help = "Tell what became of segments and handles, or of SEGMENT",
	.max = 1,
	.options =
		(const struct ctl_option[]){
			{ 's', "since", "DURATION", "only what happened in the last DURATION, such as 2h" },
			{ 'e', "event", "NAME", "only events of this name" },
			{ 'l', "last", "N", "only the last N" },
			{ 0 },
		},
	.columns =
		(const struct ctl_column[]){
			[AT] = { "AT", CTL_CLOCK, 0, "when it happened" },
			[AGE] = { "AGE", CTL_AGE, 0, "how long ago that is" },
			[EVENT] = { "EVENT", CTL_TEXT, 0, "what: registered, retired, deleted, ..." },
			[ID] = { "ID", CTL_NUMBER, 0, "the segment's id" },
			[PATH] = { "PATH", CTL_TEXT, 0, "its path below the base directory; the name of a lease" },
			[BYTES] = { "BYTES", CTL_BYTES, 0, "disk space that its deletion gave back, in all tries" },
			[VERSION] = { "VERSION", CTL_NUMBER, 0, "the version that registered or retired it" },
			[PID] = { "PID", CTL_NUMBER, 0, "the process whose handle was taken away" },
			[LABEL] = { "LABEL", CTL_TEXT, 0, "what that called itself" },
			[PINS] = { "PINS", CTL_NUMBER, 0, "pins that it had; lost: entries that are missing" },
			[SNAPSHOTS] = { "SNAPSHOTS", CTL_NUMBER, 0, "snapshots and horizons that it had" },
			[BY_PID] = { "BY_PID", CTL_NUMBER, 0, "the process that deleted it or took it away" },
			[BY_LABEL] = { "BY_LABEL", CTL_TEXT, 0, "what that calls itself" },
			[REASON] = { "REASON", CTL_TEXT, 0, "the evidence" },
			[USER_BYTES] = { "USER_BYTES", CTL_TEXT, 0, "bytes that the program gave the segment" },
			{ 0 },
		},
	.array = "events",
	.exec = exec,
};

#define USUAL_COLUMNS "AT,EVENT,ID,PATH,BYTES,PID,LABEL,PINS,REASON"

/* The order of events that happened at one time. */
enum event {
	RESERVED,
	REGISTERED,
	RETIRED,
	DELETED,
	FORGOTTEN,
	RECLAIMED,
	EVICTED,
	LEASED,
	LEASE_DROPPED,
	LOST,
	EVENTS
};

static const char *const names[EVENTS] = {
	[RESERVED] = "reserved",   [REGISTERED] = "registered",       [RETIRED] = "retired", [DELETED] = "deleted",
	[FORGOTTEN] = "forgotten", [RECLAIMED] = "reclaimed",         [EVICTED] = "evicted", [LOST] = "lost",
	[LEASED] = "leased",       [LEASE_DROPPED] = "lease-dropped",
};

struct line {
	enum event event;
	struct segreg_log_entry entry; /* at, id, path, ... of this event; the members below have its texts */
	uint64_t version;
	char path[SEGREG_PATH_MAX + 1], label[SEGREG_LABEL_SIZE], by_label[SEGREG_LABEL_SIZE], reason[160];
};

struct log {
	struct ctl *ctl;
	struct line **lines;
	size_t n, room;
	int64_t since;
	enum event event; /* EVENTS: all */
	uint64_t id;      /* with an operand that is an id */
	const char *path; /* with an operand that is a path; else NULL */
	char path_of[SEGREG_PATH_MAX + 1];
	bool failed; /* out of memory */
};

/* ------------------------------------------------------------------ gathering */

static bool is_wanted(const struct log *log, enum event event, const struct segreg_log_entry *entry)
{
	if (entry->at < log->since || (log->event != EVENTS && log->event != event))
		return false;
	if (!log->ctl->n_operands)
		return true;
	return event < RECLAIMED && (log->path ? !strcmp(entry->path, log->path) : entry->id == log->id);
}

static struct line *add_line(struct log *log)
{
	struct line *line = calloc(1, sizeof *line);

	if (line && log->n == log->room) {
		size_t room = log->room ? 2 * log->room : 64;
		struct line **lines = reallocarray(log->lines, room, sizeof *lines);

		if (!lines) {
			free(line);
			return NULL;
		}
		log->lines = lines;
		log->room = room;
	}
	if (line)
		log->lines[log->n++] = line;
	return line;
}

/* Returns nonzero if memory is short. */
static int add(struct log *log, enum event event, uint64_t version, const struct segreg_log_entry *entry)
{
	struct line *line;

	if (!is_wanted(log, event, entry))
		return 0;
	line = add_line(log);
	if (!line) {
		log->failed = true;
		return 1;
	}
	line->event = event;
	line->entry = *entry;
	line->version = version;
	snprintf(line->path, sizeof line->path, "%s", entry->path);
	snprintf(line->label, sizeof line->label, "%s", entry->label);
	snprintf(line->by_label, sizeof line->by_label, "%s", entry->by_label);
	snprintf(line->reason, sizeof line->reason, "%s", entry->reason);
	return 0;
}

/* Add the beginning of a segment, whatever became of it. */
static int add_beginning(struct log *log, const struct segreg_log_entry *of)
{
	struct segreg_log_entry entry = {
		.id = of->id,
		.path = of->path,
		.at = of->registered_at,
		.label = "",
		.by_label = "",
		.reason = "",
		.user_size = of->user_size,
	};
	int failed;

	memcpy(entry.user, of->user, sizeof entry.user);
	failed = add(log, of->born ? REGISTERED : RESERVED, of->born, &entry);
	entry.at = of->retired_at;
	return failed || !of->retired ? failed : add(log, RETIRED, of->retired, &entry);
}

static int add_entry(void *arg, const struct segreg_log_entry *e)
{
	struct log *log = arg;
	int failed = 0;

	switch (e->kind) {
	case SEGREG_LOG_DELETED:
	case SEGREG_LOG_FORGOTTEN:
		failed = add_beginning(log, e);
		return failed ? failed : add(log, e->kind == SEGREG_LOG_DELETED ? DELETED : FORGOTTEN, 0, e);
	case SEGREG_LOG_RECLAIMED:
		return add(log, RECLAIMED, 0, e);
	case SEGREG_LOG_EVICTED:
		return add(log, EVICTED, 0, e);
	case SEGREG_LOG_LEASED:
		return add(log, LEASED, 0, e);
	case SEGREG_LOG_LEASE_DROPPED:
		return add(log, LEASE_DROPPED, 0, e);
	case SEGREG_LOG_LOST:
		return add(log, LOST, 0, e);
	}
	return 0;
}

static int add_segment(void *arg, const struct segreg_info *info)
{
	struct segreg_log_entry entry = {
		.id = info->id,
		.path = info->path,
		.born = info->born,
		.retired = info->retired,
		.registered_at = info->registered_at,
		.retired_at = info->retired_at,
		.user_size = info->user_size,
	};

	memcpy(entry.user, info->user, sizeof entry.user);
	return add_beginning(arg, &entry);
}

static int gather(struct log *log)
{
	struct segreg *reg = log->ctl->reg;
	int code = log->ctl->n_operands && !log->path ? segreg_list_one(reg, log->id, add_segment, log)
						      : segreg_list(reg, add_segment, log);

	if (code && code != SEGREG_E_NOENT)
		return code;
	return segreg_log(reg, 0, add_entry, log);
}

/* ------------------------------------------------------------------ showing */

static int by_time(const void *a, const void *b)
{
	const struct line *x = *(struct line *const *)a, *y = *(struct line *const *)b;

	if (x->entry.at != y->entry.at)
		return x->entry.at < y->entry.at ? -1 : 1;
	if (x->event != y->event)
		return x->event < y->event ? -1 : 1;
	return (x->entry.id > y->entry.id) - (x->entry.id < y->entry.id);
}

static void add_row(struct ctl_table *table, const struct line *line)
{
	struct libscols_line *row = ctl_table_add_row(table, NULL);
	const struct segreg_log_entry *e = &line->entry;
	char user[CTL_BYTES_TEXT];

	ctl_table_set(table, row, AT, (uint64_t)e->at);
	ctl_table_set(table, row, AGE, (uint64_t)e->at);
	ctl_table_set_text(table, row, EVENT, names[line->event]);
	if (line->event < RECLAIMED) {
		ctl_table_set(table, row, ID, e->id);
		ctl_table_set_text(table, row, PATH, line->path);
	} else if (line->event == LEASED || line->event == LEASE_DROPPED) {
		ctl_table_set_text(table, row, PATH, line->path);
	} else {
		ctl_table_set(table, row, PINS, e->pins);
	}
	if (line->event == DELETED)
		ctl_table_set(table, row, BYTES, e->bytes);
	if (line->version)
		ctl_table_set(table, row, VERSION, line->version);
	if (line->event == RECLAIMED || line->event == EVICTED) {
		ctl_table_set(table, row, PID, (uint64_t)e->pid);
		ctl_table_set_text(table, row, LABEL, line->label);
		ctl_table_set(table, row, SNAPSHOTS, e->snapshots);
	}
	if (e->by_pid) {
		ctl_table_set(table, row, BY_PID, (uint64_t)e->by_pid);
		ctl_table_set_text(table, row, BY_LABEL, line->by_label);
	}
	ctl_table_set_text(table, row, REASON, line->reason);
	if (e->user_size)
		ctl_table_set_text(table, row, USER_BYTES, ctl_bytes_write(e->user, e->user_size, user));
}

static int show(struct log *log, uint32_t last)
{
	struct ctl_table *table = ctl_table_new(log->ctl, log->ctl->option['J'] ? NULL : USUAL_COLUMNS);
	int status;

	if (!table)
		return EX_USAGE;
	if (log->n)
		qsort(log->lines, log->n, sizeof *log->lines, by_time);
	for (size_t i = log->n > last ? log->n - last : 0; i < log->n; i++)
		add_row(table, log->lines[i]);
	status = ctl_table_print(table);
	ctl_table_free(table);
	return status;
}

static bool parse_segment(struct log *log)
{
	const struct ctl *ctl = log->ctl;

	if (!ctl->n_operands || ctl_parse_is_id(ctl->operand[0]))
		return !ctl->n_operands || ctl_parse_id(ctl, ctl->operand[0], &log->id);
	ctl_parse_path(ctl, ctl->operand[0], log->path_of);
	log->path = log->path_of;
	return true;
}

static void complain_of_event(const struct ctl *ctl, const char *event)
{
	struct ctl_suggest suggest;

	ctl_suggest_begin(&suggest, event, strlen(event));
	for (enum event known = RESERVED; known < EVENTS; known++)
		ctl_suggest_add(&suggest, names[known]);
	ctl_usage(ctl, "option -e: there is no event '%s'%s", event, ctl_suggest_end(&suggest, ""));
}

static bool parse(struct log *log, uint32_t *last)
{
	const struct ctl *ctl = log->ctl;
	const char *event = ctl->option['e'];
	uint64_t milliseconds;

	if (!ctl_parse_span(ctl, 's', &milliseconds))
		return false;
	if (ctl->option['s'])
		log->since = milliseconds < (uint64_t)tool_now_real() / 1000000
				     ? tool_now_real() - (int64_t)milliseconds * 1000000
				     : 0;
	for (log->event = RESERVED; event && log->event < EVENTS && strcmp(names[log->event], event);)
		log->event++;
	if (!event)
		log->event = EVENTS;
	else if (log->event == EVENTS)
		complain_of_event(ctl, event);
	return (!event || log->event < EVENTS) && ctl_parse_option(ctl, 'l', last) && parse_segment(log);
}

static int exec(struct ctl *ctl)
{
	struct log log = { .ctl = ctl };
	uint32_t last = UINT32_MAX;
	int code, status;

	if (!parse(&log, &last))
		return EX_USAGE;
	code = gather(&log);
	if (log.failed)
		status = ctl_error(ctl, EX_UNAVAILABLE, "no memory for the events");
	else if (code)
		status = ctl_fail(ctl, code);
	else if (ctl->n_operands && !log.n && !ctl->option['s'] && !ctl->option['e'])
		status = ctl_error(ctl, EX_NOINPUT, "nothing is known of segment %s (any more)", ctl->operand[0]);
	else
		status = show(&log, last);
	for (size_t i = 0; i < log.n; i++)
		free(log.lines[i]);
	free(log.lines);
	return status;
}
