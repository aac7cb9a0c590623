/*
 * config.h - how registries are served.
 */
#ifndef SEGREGD_CONFIG_H
#define SEGREGD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segregd/log.h"

/* How one registry is served. */
struct settings {
	char *dir;
	char *metrics; /* a directory; NULL: none */
	uint64_t grace_ms;
	uint64_t pace, pace_files; /* bytes, and files, per second; 0: no limit */
	uint64_t free;             /* percentage of the file system of base; with less free there is no pace */
	uint64_t patience_ms;      /* overdue time after which there is no pace; 0: never */
	uint64_t pressure;         /* percentage of time lost for memory above which sweeps wait; 0: they do not */
	uint64_t interval_ms;
	uint64_t heartbeat_ms; /* how often metrics are written without news; 0: never */
	bool unconfined;
	int report; /* the end of a pipe on which the server reports to the herd; -1: none */
};

struct config {
	enum log_format format, given; /* given: that of the command line, for a file without one */
	struct settings common;        /* of the registries that follow */
	struct settings *servers;      /* sorted by directory */
	size_t n;
};

void config_init(struct config *config);
void config_free(struct config *config);

/* Set the option or key of that name. False: it is wrong, and the error was logged, with where in front. */
bool config_set(struct settings *settings, const char *where, const char *name, const char *value);

/*
 * Add the registry in dir, with the settings of common. False: it is there already, or memory is short; the error was
 * logged, with where in front.
 */
bool config_add(struct config *config, const char *where, const char *dir);

/* Read a file. False: it is wrong, and the error was logged. */
bool config_read(struct config *config, const char *path);

bool config_is_same(const struct settings *a, const struct settings *b);

#endif /* SEGREGD_CONFIG_H */
