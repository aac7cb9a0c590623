/*
 * sr_record.h - what the registry keeps for good: the records of registry.mdb, as they are in memory. sr_codec turns
 * them into bytes.
 */
#ifndef SR_RECORD_H
#define SR_RECORD_H

#include "shm/sr_state.h"

#define SR_SCHEMA 4u
#define SR_UUID_SIZE 16
#define SR_TOKEN_SIZE 16
#define SR_NONCE_SIZE 16

struct sr_meta {
	unsigned schema; /* schema of the value that was read; sr_encode_meta always writes SR_SCHEMA */
	uint8_t uuid[SR_UUID_SIZE];
	uint32_t max_segments, max_lanes;
	int64_t created_at;
	char base[SEGREG_PATH_SIZE]; /* absolute path */
};

struct sr_clock {
	uint64_t version; /* number of edits that changed something */
	uint64_t starts;  /* number of regions built */
	uint64_t tokens;  /* number of tokens remembered so far, including those that are forgotten again */
	uint64_t ids;     /* number of ids that the registry chose so far (SEGREG_ID_NEXT) */
	uint64_t leases;  /* number of times that a retention lease changed */
};

/* What is remembered of an edit with a token. */
struct sr_token {
	uint64_t version; /* version that the edit made */
	uint64_t place;   /* number of the token, in the order in which tokens came */
	uint64_t digest;  /* of what the edit asked for (sr_digest); 0: not known (schemas 1 and 2) */
};

/*
 * Which registry.mdb owns base. A copy of registry.mdb has the uuid of its original. As soon as either file adopts
 * base, their nonces differ.
 */
struct sr_owner {
	uint8_t nonce[SR_NONCE_SIZE]; /* random; the marker in base contains the same nonce */
	/* the registry's directory at the last start; a copy learns here where its original is */
	char place[SEGREG_PATH_SIZE];
};

/*
 * Edits of other handles that a transaction made beside its leader's own (sr_group.c). lane_id and seq of a letter name
 * an edit: the pair is used once in the life of a region.
 */
#define SR_RIDERS_MAX 64u

struct sr_riders {
	uint64_t start; /* sr_clock.starts of the region that the letters were in */
	uint32_t n;
	struct sr_rider {
		uint64_t lane_id; /* epoch of the lane << 32 | lane */
		uint64_t seq;
		uint64_t version; /* version that the edit made */
	} rider[SR_RIDERS_MAX];
};

struct sr_record {
	uint64_t id;
	uint64_t born, retired;
	int64_t registered_at, retired_at;
	/* What was registered: */
	uint64_t ino;  /* inode number; 0: the id is only reserved */
	int64_t btime; /* birth time, nanoseconds; 0: the file system keeps none */
	uint64_t fid;  /* sr_identity.fid; 0: the file system has none */
	/* The directory in which it was registered: */
	uint64_t parent_ino; /* 0: not known; or base itself, as earlier versions noted it */
	uint64_t parent_fid;
	/* A deletion that failed: */
	uint32_t attempts;   /* failed attempts so far */
	uint8_t error;       /* errno of the last attempt (all errnos fit) */
	int64_t retry_at;    /* CLOCK_REALTIME, nanoseconds: no attempt before this */
	enum sr_state state; /* SR_BUILDING, SR_LIVE, SR_PENDING, SR_DELETING */
	bool is_directory;
	uint8_t user_size; /* bytes of user */
	uint16_t path_length;
	unsigned char user[SEGREG_USER_SIZE];
	char path[SEGREG_PATH_MAX + 1];
};

/* An entry of the journal. A field that its kind does not use is 0. */
struct sr_entry {
	uint64_t number;
	uint32_t kind; /* enum segreg_log_kind */
	int64_t at;
	/* For a segment that is gone: */
	uint64_t id, born, retired;
	int64_t registered_at, retired_at;
	uint64_t bytes;   /* bytes freed */
	uint64_t decided; /* the version at which a sweep found that no handle holds the segment; 0: not known */
	uint32_t asked;   /* handles that the sweep asked for that */
	bool was_gone;    /* the files were gone before a sweep came to delete them */
	uint8_t user_size;
	uint16_t path_length;
	unsigned char user[SEGREG_USER_SIZE];
	char path[SEGREG_PATH_MAX + 1];
	/* For a handle that was reclaimed or evicted: */
	uint32_t lane, uid;
	int64_t pid, attached_at;
	uint64_t pins, snapshots; /* in SEGREG_LOG_LOST, pins is how many entries were lost */
	char label[SEGREG_LABEL_SIZE];
	/* The process that did it: */
	uint32_t by_uid;
	int64_t by_pid;
	char by_label[SEGREG_LABEL_SIZE];
};

#endif
