/*
 * history.h - what a registry must do, in plain words: arrays, no files, no processes, no concurrency.
 */
#ifndef T_HISTORY_H
#define T_HISTORY_H

#include "segreg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEERS 3u
#define IDS 6u   /* segments are numbered from 0 here, and 1 more there */
#define HOLDS 3u /* pins, and as many snapshots, per peer */
#define TOKENS 3u
#define OPS 3u /* in an edit */
#define HISTORY 80u

/* One step of a history, and how often it comes. Each makes sense, if only as a mistake that must be refused, whatever
 * came before: so any can be left out. */
#define STEPS(X)                                                                                                       \
	X(EDIT, 30)                                                                                                    \
	X(RESERVE, 8)                                                                                                  \
	X(WRITE, 5)                                                                                                    \
	X(UNRESERVE, 3)                                                                                                \
	X(REMOVE, 3)                                                                                                   \
	X(PIN, 9)                                                                                                      \
	X(UNPIN, 6)                                                                                                    \
	X(HAND_PIN, 4)                                                                                                 \
	X(TAKE, 9)                                                                                                     \
	X(RELEASE, 5)                                                                                                  \
	X(TRADE, 3)                                                                                                    \
	X(HAND_SNAPSHOT, 4)                                                                                            \
	X(SWEEP, 14)                                                                                                   \
	X(CLOSE, 4)                                                                                                    \
	X(KILL, 4)                                                                                                     \
	X(RESTART, 1)                                                                                                  \
	X(REBOOT, 1)

enum step_kind {
#define STEP_ENUM(name, weight) STEP_##name,
	STEPS(STEP_ENUM)
#undef STEP_ENUM
		STEP_KINDS
};

struct op {
	bool retires; /* else adds */
	uint8_t id;
};

struct step {
	uint8_t kind;
	uint8_t peer, id, hold;
	uint8_t to, to_hold; /* hand-over: the receiver */
	uint8_t snapshot;    /* TAKE, TRADE: enum segreg_snapshot_kind */
	bool flag;           /* PIN: SEGREG_PIN_LIVE; REMOVE: SEGREG_FORCE */
	uint8_t n_ops;       /* EDIT */
	struct op op[OPS];
	uint8_t token;       /* 0: none */
	bool expects, stale; /* a version; not the current one */
	bool expects_live, syncs;
};

struct model_segment {
	int state;   /* enum segreg_state; 0: unknown */
	int builder; /* BUILDING: the peer, or -1: gone */
	bool has_files;
	uint64_t born, retired;
	uint64_t instance; /* which of those that had this id */
};

struct model_pin {
	uint64_t instance; /* 0: none */
	uint8_t id;
};

struct model_snapshot {
	int kind; /* 0: none */
	uint64_t version;
	uint64_t ids; /* SNAPSHOT: its segments, bit i for segment i */
};

struct model_peer {
	struct model_pin pin[HOLDS];
	struct model_snapshot snapshot[HOLDS];
};

struct model {
	uint64_t version, instances;
	struct model_segment segment[IDS];
	struct model_peer peer[PEERS];
	unsigned n_dead; /* killed, and not reclaimed yet */
	struct model_peer dead[HISTORY];
	uint64_t token[TOKENS + 1];        /* version of the edit, plus 1; 0: unknown */
	uint8_t asked[TOKENS + 1][IDS][2]; /* how often that edit added and retired each */
};

/* What a step must come to. */
struct outcome {
	bool skipped; /* it would overwrite a hold: nobody does it */
	int rc;
	uint64_t version;                  /* EDIT */
	uint64_t deleted, held, reclaimed; /* SWEEP */
	uint64_t released;                 /* CLOSE */
};

struct outcome model_step(struct model *model, const struct step *step);
uint64_t model_count(const struct model *model, unsigned id);

/* Write what the step is into buf; its length as of snprintf(3). */
size_t model_describe(const struct step *step, char *buf, size_t size);

#endif
