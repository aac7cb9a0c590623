/*
 * trouble.h - the errors of a server: in the log, in segregd.lock, and to the herd.
 */
#ifndef SEGREGD_TROUBLE_H
#define SEGREGD_TROUBLE_H

#include <stdbool.h>

#include "common/served.h"
#include "segregd/config.h"

struct trouble {
	const struct settings *settings;
	int lock;                      /* TOOL_SWEEPER_LOCK, held until the end; or -1 */
	int code;                      /* the SEGREG_E_* code that was logged last; 0 after a success */
	char error[TOOL_SERVED_ERROR]; /* and its text */
};

/*
 * One segregd for each registry. It holds the lock in trouble too: so segctl can tell a segregd that fails from none.
 * Before the directory is known to be a registry, this makes no file there, and fails only if another segregd serves
 * the registry: segreg_open finds what else is wrong. Returns a SEGREG_E_* code, which has been logged.
 */
int trouble_lock(struct trouble *trouble, bool is_registry);

/* Log an error of the library, unless it is the same as the last one. */
void trouble_log(struct trouble *trouble, int code, bool is_confined);

/* Log an error of that code in one's own words, unless it is the same as the last one. */
void trouble_tell(struct trouble *trouble, int code, const char *error);

/* Send the herd a line. */
void trouble_report(const struct trouble *trouble, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All is well: log that, if it was not. */
void trouble_clear(struct trouble *trouble);

/* The server ends, in order or not. After an order, segregd.lock has no error. */
void trouble_close(struct trouble *trouble, bool in_order);

#endif /* SEGREGD_TROUBLE_H */
