/*
 * sr_edit.h - additions and retirements that happen at once: collecting them, and as bytes.
 */
#ifndef SR_EDIT_H
#define SR_EDIT_H

#include "registry/sr_registry.h"

enum sr_op_kind { SR_OP_NONE, SR_OP_ADD, SR_OP_PUBLISH, SR_OP_RETIRE, SR_OP_RESERVE, SR_OP_UNRESERVE };

struct sr_op {
	enum sr_op_kind asked;
	enum sr_op_kind effect; /* what is left to do after looking at the records; set by the commit */
	bool taken;             /* SR_OP_ADD, SR_OP_RESERVE: slot is ours, not published */
	uint32_t slot;
	struct sr_record *record; /* additions: id, path and what stands there; others: id */
};

struct segreg_edit {
	uint32_t magic;
	bool expects, expects_live, syncs, has_token;
	uint64_t expected;
	unsigned char token[SR_TOKEN_SIZE];
	struct segreg *reg;
	uint64_t owner; /* of the lane whose edit it is; set by the commit */
	uint64_t fork_generation;
	struct sr_op *ops;
	size_t n, room;
	char beside[SEGREG_PATH_MAX + 1]; /* the directory of the last addition; "": none */
	uint64_t beside_ino, beside_fid;  /* which one that is; 0: base itself */
};

#define SR_EDIT_MAGIC 0x65646974u

int sr_edit_add(struct segreg_edit *edit, uint64_t id, const char *path);
int sr_edit_retire(struct segreg_edit *edit, uint64_t id);
int sr_edit_reserve(struct segreg_edit *edit, uint64_t id, const char *path);
int sr_edit_unreserve(struct segreg_edit *edit, uint64_t id);
/* Make the files of additions durable. */
int sr_edit_sync(struct segreg_edit *edit);
/* Free what the edit owns, not the edit. */
void sr_edit_clear(struct segreg_edit *edit);

/* Write it as bytes, so that another process can commit it: their number, 0 if there is no room or it cannot travel (reservations,
 * since whether their path is vacant is looked at under the commit lock with the rights of him who asks). */
uint32_t sr_edit_encode(const struct segreg_edit *edit, unsigned char *out, uint32_t room);
/* Fill an empty edit. The bytes may be anything: SEGREG_E_CORRUPT, SEGREG_E_PATH. NOMEM. sr_edit_clear it in any case. */
int sr_edit_decode(struct segreg_edit *edit, const unsigned char *bytes, uint32_t size);

#endif
