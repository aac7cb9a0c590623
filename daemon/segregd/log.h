/* log.h - the log of segregd. */
#ifndef SEGREGD_LOG_H
#define SEGREGD_LOG_H

#include <stdbool.h>
#include <syslog.h>

#include "segreg.h"

enum log_format {
	LOG_FORMAT_AUTO, /* journal if stderr is journald's, plain on a terminal, time otherwise */
	LOG_FORMAT_PLAIN,
	LOG_FORMAT_TIME,
	LOG_FORMAT_JOURNAL, /* sd-daemon(3)'s prefixes */
	LOG_FORMAT_JSON,
};

bool log_parse_format(const char *name, enum log_format *format);

/* Log in that format from now on. With registry set, each line names it. */
void log_open(enum log_format format, const char *registry);
void log_say(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_say_event(const struct segreg_sweep_event *event);

/* Log the sums of events that had no line of their own; with only_over, of the bursts that have lasted their time. */
void log_say_sums(bool only_over);

#define say(...) log_say(LOG_INFO, __VA_ARGS__)
#define warn(...) log_say(LOG_WARNING, __VA_ARGS__)

#endif /* SEGREGD_LOG_H */
