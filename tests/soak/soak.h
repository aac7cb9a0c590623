/*
 * soak.h - a registry under everything at once: processes of all roles, killed, stopped and restarted at random, and
 * an oracle.
 *
 * The director (soak.c) starts a process per slot, each with a role (roles.c), and makes them die. A ledger (ledger.c)
 * outlives them: an editor writes its intent before each call, and what the library acknowledged after it. The
 * successor of a dead editor compares the ledger with the registry; so does the audit when all are dead. Readers
 * verify what they hold, byte by byte.
 */
#ifndef SOAK_H
#define SOAK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "segreg.h"

#define EDITORS 3u
#define KEYS 40u       /* segments of each editor */
#define BATCH 4u       /* of them at most in one edit */
#define NOBODY 999999u /* an id that is never registered */

enum role { EDITOR, PINNER, SNAPPER, SWEEPER, OBSERVER, EVICTOR };

/* What its editor knows of a segment. */
enum truth { ABSENT, LIVE, GONE /* retired, or given up: it may still be there, but is not live */ };

struct key {
	uint32_t generation; /* of the segment that has the id now, or had it last */
	uint32_t truth;      /* enum truth */
};

/* What an editor is about to do; while it is active, nobody knows whether it has been done. */
struct intent {
	uint32_t is_active;
	uint32_t builds; /* the first addition by reservation and publication */
	uint32_t n_adds, n_retires;
	uint32_t add[BATCH], retire[BATCH]; /* keys */
};

struct ledger {
	uint32_t is_violated;
	char violation[512];
	uint64_t verified, edits, snapshots, deleted, reclaimed, checks, evictions, forks, execs, crashes, closes;
	struct intent intent[EDITORS];
	struct key key[EDITORS][KEYS];
};

struct soak {
	char dir[128]; /* of all files */
	char registry[160];
	struct ledger *ledger;
	uint64_t random;
};

/* A number below n. */
uint32_t soak_random(struct soak *s, uint32_t n);
void soak_sleep(uint32_t microseconds);

/* ---------------------------------------------------------------- ledger.c */

/* Map the ledger; make it first. Both end the process if that fails. */
void ledger_make(struct soak *s);
void ledger_map(struct soak *s);

/* Say what is wrong, once; the run ends. Does not return. */
void violation(struct soak *s, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* What a library call returned, where it can only return that. */
#define EXPECT(s, expected, call) expect((s), #call, (expected), (call))
void expect(struct soak *s, const char *call, int expected, int rc);
void count(uint64_t *counter);

/* Files of a segment: base/PATH/data, whose bytes follow from id and generation. */
uint64_t segment_id(uint32_t editor, uint32_t key);
void segment_path(uint32_t editor, uint32_t key, uint32_t generation, char path[64]);
void segment_write(struct soak *s, uint32_t editor, uint32_t key, uint32_t generation);
void segment_remove(struct soak *s, uint32_t editor, uint32_t key, uint32_t generation);
/* NULL, or what is wrong with what is at path (absolute), which is held as id. */
const char *segment_fault(uint64_t id, const char *path);

/* With no editor of that number alive: was its intent carried out? All or nothing. */
void ledger_settle(struct soak *s, struct segreg *reg, uint32_t editor);
/* With nobody else alive: the registry and the disk are what the ledger says, and nothing is left over. */
void ledger_audit(struct soak *s);

/* ---------------------------------------------------------------- roles.c */

void role_play(struct soak *s, enum role role, uint32_t number) __attribute__((noreturn));

#endif
