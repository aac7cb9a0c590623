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
	char *metrics; /* a file; NULL: none */
	uint64_t grace_ms;
	uint64_t pace, pace_files; /* bytes, and files, per second; 0: no limit */
	uint64_t free;             /* per cent of base's file system below which there is no pace */
	uint64_t patience_ms;      /* after which there is no pace either; 0: never */
	uint64_t pressure; /* per cent of time lost to a lack of memory beyond which sweeps wait; 0: they do not */
	uint64_t interval_ms;
	bool unconfined;
	int report; /* the herd's end of a pipe, which is told what goes on; -1: none */
};

struct config {
	enum log_format format, given; /* given: on the command line, where the file says nothing */
	struct settings common;        /* of those that follow */
	struct settings *servers;      /* in the order of their directories */
	size_t n;
};

void config_init(struct config *config);
void config_free(struct config *config);

/* Set what an option or a key of that name says. False: it is wrong, which is said with where in front. */
bool config_set(struct settings *settings, const char *where, const char *name, const char *value);

/* Serve dir, too, as common says. False: it is there already, or no memory; likewise. */
bool config_add(struct config *config, const char *where, const char *dir);

/* Read a file. False: it is wrong, which is said. */
bool config_read(struct config *config, const char *path);

bool config_is_same(const struct settings *a, const struct settings *b);

#endif /* SEGREGD_CONFIG_H */
