/*
 * sr_record.h - what the registry keeps for good: the records of registry.mdb as they are in memory. sr_codec writes them as bytes.
 */
#ifndef SR_RECORD_H
#define SR_RECORD_H

#include "shm/sr_state.h"

#define SR_SCHEMA 2u
#define SR_UUID_SIZE 16
#define SR_TOKEN_SIZE 16
#define SR_NONCE_SIZE 16

struct sr_meta {
	unsigned schema; /* that the value was written with; always written as SR_SCHEMA */
	uint8_t uuid[SR_UUID_SIZE];
	uint32_t max_segments, max_lanes;
	int64_t created_at;
	char base[SEGREG_PATH_SIZE]; /* absolute */
};

struct sr_clock {
	uint64_t version; /* edits that changed something */
	uint64_t starts;  /* regions built */
	uint64_t tokens;  /* tokens remembered so far, those forgotten again included */
};

/* A copied registry.mdb has its original's uuid. The nonce tells them apart as soon as either is adopted. */
struct sr_owner {
	uint8_t nonce[SR_NONCE_SIZE]; /* random; base's marker repeats it */
	char place[SEGREG_PATH_SIZE]; /* the registry's directory at the last start: a copy learns here where its original is */
};

/*
 * Edits of others that a transaction made beside its leader's own (sr_group.h). They are named by what is used once in the life
 * of one region: owner and number of a letter.
 */
#define SR_RIDERS_MAX 64u

struct sr_riders {
	uint64_t start; /* of the region that the letters were in: sr_clock.starts */
	uint32_t n;
	struct sr_rider {
		uint64_t owner; /* of the lane: epoch << 32 | lane */
		uint64_t seq;
		uint64_t version; /* that the edit made */
	} rider[SR_RIDERS_MAX];
};

struct sr_record {
	uint64_t id;
	uint64_t born, retired;
	int64_t registered_at, retired_at;
	/* What was registered. */
	uint64_t ino;  /* inode number; 0: reserved only */
	int64_t btime; /* birth time, nanoseconds; 0: the file system keeps none */
	uint64_t fid;  /* sr_identity.fid; 0: the file system has none */
	/* The directory that it was registered in. */
	uint64_t parent_ino; /* 0: base itself, or not known (schema 1) */
	uint64_t parent_fid;
	/* Of a deletion that failed. */
	uint32_t attempts; /* failed ones so far */
	uint8_t error;     /* errno of the last one (all errnos fit) */
	int64_t retry_at;  /* CLOCK_REALTIME, nanoseconds: not tried again before */
	enum sr_state state; /* SR_BUILDING, SR_LIVE, SR_PENDING, SR_DELETING */
	bool is_directory;
	uint16_t path_length;
	char path[SEGREG_PATH_MAX + 1];
};

/* An entry of the journal. What its kind has no use for is 0. */
struct sr_entry {
	uint64_t number;
	uint32_t kind; /* enum segreg_log_kind */
	int64_t at;
	/* A segment that is gone: */
	uint64_t id, born, retired;
	int64_t registered_at, retired_at;
	uint64_t bytes;   /* freed */
	uint64_t decided; /* the version of which a sweep found it unheld; 0: not known */
	uint32_t asked;   /* handles that were asked then */
	bool was_gone;    /* before a sweep came to delete it */
	uint16_t path_length;
	char path[SEGREG_PATH_MAX + 1];
	/* A handle that was taken away: */
	uint32_t lane, uid;
	int64_t pid, attached_at;
	uint64_t pins, snapshots; /* pins: also how many entries were lost */
	char label[SEGREG_LABEL_SIZE];
	/* By whom: */
	uint32_t by_uid;
	int64_t by_pid;
	char by_label[SEGREG_LABEL_SIZE];
};

#endif
