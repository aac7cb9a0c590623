/*
 * sr_edit.h - additions and retirements that happen at once: collecting them, and their form as bytes.
 */
#ifndef SR_EDIT_H
#define SR_EDIT_H

#include "registry/sr_registry.h"
#include "shm/sr_paths.h"

/* Letters and digests have these numbers, so a change of them is a change of SR_SCHEMA. */
enum sr_op_kind {
	SR_OP_NONE,
	SR_OP_ADD,
	SR_OP_PUBLISH,
	SR_OP_RETIRE,
	SR_OP_RESERVE,
	SR_OP_UNRESERVE,
	SR_OP_RETIRE_PATH,
	SR_OP_DISCARD
};

struct sr_op {
	enum sr_op_kind asked;
	enum sr_op_kind effect; /* what the commit has to do, after reading the records; set by sr_plan_make */
	bool taken;             /* the edit has taken slot for a new segment, and has not published it */
	bool is_next;           /* SR_OP_ADD, SR_OP_RESERVE: the registry chooses the id (SEGREG_ID_NEXT) */
	bool displaces;         /* SR_OP_DISCARD: the segment `displaced` is forgotten; set by sr_plan_make */
	bool rewrites;          /* SR_OP_PUBLISH: the slot gets another text; set by sr_plan_make */
	bool has_text;          /* SR_OP_PUBLISH: the edit has taken text, and has not shown it */
	uint32_t slot;
	struct sr_text text;
	uint64_t displaced;
	bool is_late;             /* SR_OP_DISCARD from shared memory: its caller has its answer */
	uint64_t since;           /* the version that was current when it was discarded, if is_late */
	uint32_t place;           /* its place among the discards in shared memory, if is_late */
	bool is_left;             /* is_late: the registry has no room for it; set by sr_plan_make */
	struct sr_record *record; /* of an addition: id, path, user and identity of the file; of others: id, or path */
};

struct segreg_edit {
	uint32_t magic;
	bool expects, expects_live, syncs, has_token;
	bool flushes; /* the edit fails if the discards in shared memory cannot be made durable with it */
	uint64_t expected;
	unsigned char token[SR_TOKEN_SIZE];
	uint64_t digest; /* with a token: sr_digest, set before the first plan */
	struct segreg *reg;
	uint64_t lane_id; /* as in struct segreg, of the handle whose edit it is; set by the commit */
	uint64_t fork_no;
	uint64_t open_number; /* as in struct segreg, when the edit began */
	struct sr_op *ops;
	size_t n, room;
	char beside[SEGREG_PATH_MAX + 1]; /* the directory of the last addition; "": none */
	uint64_t beside_ino, beside_fid;  /* identity of that directory */
};

#define SR_EDIT_MAGIC 0x65646974u

int sr_edit_add(struct segreg_edit *edit, uint64_t id, const char *path);
/* Give the last addition n bytes of the caller's own. Returns false if there is no addition. */
bool sr_edit_set_user(struct segreg_edit *edit, const void *bytes, size_t n);
int sr_edit_retire(struct segreg_edit *edit, uint64_t id);
int sr_edit_reserve(struct segreg_edit *edit, uint64_t id, const char *path);
int sr_edit_unreserve(struct segreg_edit *edit, uint64_t id);
/* Both take a path as a caller has it: sr_base_relate. */
int sr_edit_retire_path(struct segreg_edit *edit, const char *given);
int sr_edit_discard(struct segreg_edit *edit, const char *given);
/* Like sr_edit_discard, for shared memory: looks at what is at the path, and no further. Not to be committed. */
int sr_edit_discard_soon(struct segreg_edit *edit, const char *given);
/*
 * Append a discard that was in shared memory, at that place. Names are used again, so drop it if something else is at
 * its path by now. Shared memory may be damaged, so drop it if no call can have made it. SEGREG_E_NOMEM.
 */
int sr_edit_discard_late(struct segreg_edit *edit, const struct sr_discard *discard, uint32_t place);
/* Make the files of all additions durable. */
int sr_edit_sync(struct segreg_edit *edit);
/* Free the operations of the edit, but not the edit. */
void sr_edit_clear(struct segreg_edit *edit);

/*
 * Encode the edit so that another process can commit it. Returns the number of bytes, or 0 if the edit does not fit or
 * contains a reservation. A reservation must be committed by its own process: the check that its path is vacant needs
 * that process's permissions.
 */
uint32_t sr_edit_encode(const struct segreg_edit *edit, unsigned char *out, uint32_t room);
/*
 * Fill an empty edit from bytes, which may be damaged: SEGREG_E_CORRUPT, SEGREG_E_PATH, SEGREG_E_NOMEM. Call
 * sr_edit_clear afterwards in any case.
 */
int sr_edit_decode(struct segreg_edit *edit, const unsigned char *bytes, uint32_t size);

#endif
