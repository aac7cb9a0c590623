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
 * Take the lock of the registry, so that it has one segregd. The server keeps the lock in trouble too: so segctl can
 * tell a segregd that fails from none.
 *
 * Before the directory is known to be a registry, this makes no file there, and fails only if another segregd has the
 * lock. segreg_open finds what else is wrong. Returns a SEGREG_E_* code after logging it.
 */
int trouble_lock(struct trouble *trouble, bool is_registry);

/* Log an error of the library, unless its code is that of the last error. */
void trouble_log(struct trouble *trouble, int code, bool is_confined);

/* Log that text for an error, unless its code is that of the last error. */
void trouble_tell(struct trouble *trouble, int code, const char *error);

/* Send the herd a line. */
void trouble_report(const struct trouble *trouble, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A round has succeeded. After an error, log that. */
void trouble_clear(struct trouble *trouble);

/* Give the lock back. If the server ends in order, segregd.lock keeps no error. */
void trouble_close(struct trouble *trouble, bool in_order);

#endif /* SEGREGD_TROUBLE_H */
