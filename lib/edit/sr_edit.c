/*
 * sr_edit.c - additions and retirements that happen at once: collecting them, and their form as bytes.
 */
#include "edit/sr_edit.h"
#include "edit/sr_digest.h"
#include "sys/sr_bytes.h"
#include "sys/sr_error.h"
#include "base/sr_sync.h"
#include "base/sr_foreign.h"

#include <stdlib.h>
#include <string.h>

static int append(struct segreg_edit *edit, enum sr_op_kind kind, const struct sr_record *record)
{
	struct sr_record *copy = sr_sys_malloc(sizeof(*copy));

	if (!copy)
		return sr_fail(SEGREG_E_NOMEM, "no memory for an edit of %zu operations", edit->n + 1);
	if (edit->n == edit->room) {
		size_t room = edit->room ? edit->room * 2 : 4;
		struct sr_op *ops = sr_sys_realloc(edit->ops, room * sizeof(*ops));

		if (!ops) {
			free(copy);
			return sr_fail(SEGREG_E_NOMEM, "no memory for an edit of %zu operations", edit->n + 1);
		}
		edit->ops = ops;
		edit->room = room;
	}
	*copy = *record;
	edit->ops[edit->n++] = (struct sr_op){
		.asked = kind,
		.is_next = (kind == SR_OP_ADD || kind == SR_OP_RESERVE) && record->id == SEGREG_ID_NEXT,
		.record = copy,
	};
	return 0;
}

/* Note the identity of an addition's directory. */
static int identify_parent(struct segreg_edit *edit, const char *parent)
{
	struct sr_base *base = &edit->reg->registry->base;
	struct sr_identity identity = { .ino = base->dir.ino, .fid = base->fid };
	int rc = strcmp(parent, ".") ? sr_base_identify(base, parent, &identity) : 0;

	edit->beside_ino = identity.ino;
	edit->beside_fid = identity.fid;
	return rc;
}

/*
 * Identify the file or directory at path. After the first addition to a directory, each further addition needs only one
 * system call for this.
 */
static int identify(struct segreg_edit *edit, const char *path, struct sr_identity *identity)
{
	struct sr_base *base = &edit->reg->registry->base;
	char parent[SEGREG_PATH_MAX + 1];
	int rc;

	sr_base_parent(path, parent);
	if (!strcmp(parent, edit->beside))
		return sr_base_identify_beside(base, path, identity);
	edit->beside[0] = '\0';
	rc = sr_base_identify(base, path, identity);
	if (!rc)
		rc = sr_foreign_check_above(base, path);
	if (!rc)
		rc = identify_parent(edit, parent);
	if (!rc)
		strcpy(edit->beside, parent);
	return rc;
}

static void set_path(struct sr_record *record, const char *path)
{
	record->path_length = (uint16_t)strlen(path);
	memcpy(record->path, path, record->path_length + 1u);
}

static void set_identity(struct sr_record *record, const struct sr_identity *identity)
{
	record->is_directory = S_ISDIR(identity->mode);
	record->ino = identity->ino;
	record->btime = identity->btime;
	record->fid = identity->fid;
}

/* Note in record what is at path. */
static int describe(struct segreg_edit *edit, const char *path, struct sr_record *record)
{
	struct sr_identity identity;
	int rc = identify(edit, path, &identity);

	if (!rc && S_ISDIR(identity.mode))
		rc = sr_foreign_check_top(&edit->reg->registry->base, path);
	if (rc)
		return rc;
	set_identity(record, &identity);
	record->parent_ino = edit->beside_ino;
	record->parent_fid = edit->beside_fid;
	set_path(record, path);
	return 0;
}

int sr_edit_add(struct segreg_edit *edit, uint64_t id, const char *path)
{
	struct sr_record record = { .id = id, .state = SR_LIVE };
	int rc = sr_base_check_path(&edit->reg->registry->base, path);

	if (!rc)
		rc = describe(edit, path, &record);
	return rc ? rc : append(edit, SR_OP_ADD, &record);
}

bool sr_edit_set_user(struct segreg_edit *edit, const void *bytes, size_t n)
{
	size_t i = edit->n;

	while (i && edit->ops[i - 1].asked != SR_OP_ADD)
		i--;
	if (!i)
		return false;
	if (n)
		memcpy(edit->ops[i - 1].record->user, bytes, n);
	edit->ops[i - 1].record->user_size = (uint8_t)n;
	return true;
}

int sr_edit_retire(struct segreg_edit *edit, uint64_t id)
{
	const struct sr_record record = { .id = id };

	return append(edit, SR_OP_RETIRE, &record);
}

int sr_edit_reserve(struct segreg_edit *edit, uint64_t id, const char *path)
{
	struct sr_base *base = &edit->reg->registry->base;
	struct sr_record record = { .id = id, .state = SR_BUILDING };
	int rc = sr_base_check_path(base, path);

	if (!rc)
		rc = sr_foreign_check_above(base, path);
	if (rc)
		return rc;
	set_path(&record, path);
	return append(edit, SR_OP_RESERVE, &record);
}

int sr_edit_retire_path(struct segreg_edit *edit, const char *given)
{
	struct sr_record record = { .id = 0 };
	char path[SEGREG_PATH_MAX + 1];
	int rc = sr_base_relate(&edit->reg->registry->base, given, path);

	if (rc)
		return rc;
	set_path(&record, path);
	return append(edit, SR_OP_RETIRE_PATH, &record);
}

/* An inode number of 0 stands for a path at which nothing is. */
int sr_edit_discard(struct segreg_edit *edit, const char *given)
{
	struct sr_record record = { .state = SR_PENDING };
	char before[SR_ERROR_SIZE], path[SEGREG_PATH_MAX + 1];
	int rc = sr_base_relate(&edit->reg->registry->base, given, path);

	if (rc)
		return rc;
	sr_error_keep(before);
	rc = describe(edit, path, &record);
	if (rc == SEGREG_E_NOENT) {
		sr_error_put_back(before);
		set_path(&record, path);
		rc = 0;
	}
	return rc ? rc : append(edit, SR_OP_DISCARD, &record);
}

int sr_edit_unreserve(struct segreg_edit *edit, uint64_t id)
{
	const struct sr_record record = { .id = id };

	return append(edit, SR_OP_UNRESERVE, &record);
}

int sr_edit_discard_soon(struct segreg_edit *edit, const char *given)
{
	struct sr_base *base = &edit->reg->registry->base;
	struct sr_record record = { .state = SR_PENDING };
	struct sr_identity identity = { .ino = 0 };
	char before[SR_ERROR_SIZE], path[SEGREG_PATH_MAX + 1];
	int rc = sr_base_relate(base, given, path);

	if (rc)
		return rc;
	sr_error_keep(before);
	rc = sr_base_identify(base, path, &identity);
	if (rc == SEGREG_E_NOENT) {
		sr_error_put_back(before);
		identity.ino = 0;
		rc = 0;
	}
	if (rc)
		return rc;
	set_identity(&record, &identity);
	set_path(&record, path);
	return append(edit, SR_OP_DISCARD, &record);
}

/* Is what was discarded still at its path? `now`, or rc: what this process found there. */
static bool is_still_there(const struct sr_base *base, const struct sr_record *then, int rc,
			   const struct sr_record *now)
{
	const struct sr_identity found = {
		.dev = base->dir.dev,
		.ino = now->ino,
		.btime = now->btime,
		.fid = now->fid,
		.mode = now->is_directory ? S_IFDIR : S_IFREG,
	};

	if (rc == SEGREG_E_NOENT)
		return !then->ino;
	if (rc == SEGREG_E_PATH || !then->ino)
		return false;
	return rc || sr_base_is_registered(found.dev, then, &found); /* if it cannot look: a sweep looks again */
}

int sr_edit_discard_late(struct segreg_edit *edit, const struct sr_discard *discard, uint32_t place)
{
	size_t length = discard->path_length < SR_DISCARD_PATH ? discard->path_length : SR_DISCARD_PATH;
	struct sr_base *base = &edit->reg->registry->base;
	struct sr_record now = { .ino = 0 }, then = {
		.state = SR_PENDING,
		.is_directory = discard->is_directory != 0,
		.ino = discard->ino,
		.btime = discard->btime,
		.fid = discard->fid,
	};
	int rc;

	memcpy(then.path, discard->path, length);
	then.path_length = (uint16_t)strlen(then.path);
	if (sr_base_check_path(base, then.path))
		return 0;
	rc = describe(edit, then.path, &now);
	if (!is_still_there(base, &then, rc, &now))
		return 0;
	then.parent_ino = now.parent_ino;
	then.parent_fid = now.parent_fid;
	rc = append(edit, SR_OP_DISCARD, &then);
	if (rc)
		return rc;
	edit->ops[edit->n - 1].is_late = true;
	edit->ops[edit->n - 1].since = discard->version;
	edit->ops[edit->n - 1].place = place;
	return 0;
}

void sr_edit_clear(struct segreg_edit *edit)
{
	for (size_t i = 0; i < edit->n; i++)
		free(edit->ops[i].record);
	free(edit->ops);
	edit->ops = NULL;
	edit->n = 0;
}

int sr_edit_sync(struct segreg_edit *edit)
{
	int rc = 0;

	for (size_t i = 0; i < edit->n && !rc; i++)
		if (edit->ops[i].asked == SR_OP_ADD)
			rc = sr_sync_segment(&edit->reg->registry->base, edit->ops[i].record->path);
	return rc;
}

/* ---------------------------------------------------------------- as bytes */

/*
 * An edit as bytes:
 *
 *      u8 flags, [u64 expected], [token], then for each operation u8 kind, u64 id;
 *      an operation with a path goes on with u8 is_directory, u64 ino, i64 btime, u64 fid, u64 parent_ino,
 *      u64 parent_fid, u16 length, path, u8 length of user, user
 */
enum { HAS_EXPECTED = 1, EXPECTS_LIVE = 2, HAS_TOKEN = 4, FLAGS = 7 };

#define OP_FIXED (1u + 8)
#define PATH_FIXED (OP_FIXED + 1 + 5 * 8 + 2)
#define PATH_SIZE(record) (PATH_FIXED + (record)->path_length + 1 + (record)->user_size)

static bool has_path(enum sr_op_kind kind)
{
	return kind == SR_OP_ADD || kind == SR_OP_RETIRE_PATH || kind == SR_OP_DISCARD;
}

/* The id that the caller gave, even if a plan has put another in its place. */
static uint64_t asked_id(const struct sr_op *op)
{
	return op->is_next ? SEGREG_ID_NEXT : op->record->id;
}

static unsigned char *encode_op(unsigned char *at, const struct sr_op *op)
{
	const struct sr_record *record = op->record;

	at = sr_bytes_put(at, op->asked, 1);
	at = sr_bytes_put(at, asked_id(op), 8);
	if (!has_path(op->asked))
		return at;
	at = sr_bytes_put(at, record->is_directory, 1);
	at = sr_bytes_put(at, record->ino, 8);
	at = sr_bytes_put(at, (uint64_t)record->btime, 8);
	at = sr_bytes_put(at, record->fid, 8);
	at = sr_bytes_put(at, record->parent_ino, 8);
	at = sr_bytes_put(at, record->parent_fid, 8);
	at = sr_bytes_put(at, record->path_length, 2);
	memcpy(at, record->path, record->path_length);
	at = sr_bytes_put(at + record->path_length, record->user_size, 1);
	memcpy(at, record->user, record->user_size);
	return at + record->user_size;
}

static size_t size_of(const struct segreg_edit *edit)
{
	size_t size = 1 + (edit->expects ? 8 : 0) + (edit->has_token ? SR_TOKEN_SIZE : 0);

	for (size_t i = 0; i < edit->n; i++)
		size += has_path(edit->ops[i].asked) ? PATH_SIZE(edit->ops[i].record) : OP_FIXED;
	return size;
}

static bool can_travel(const struct segreg_edit *edit)
{
	for (size_t i = 0; i < edit->n; i++)
		if (edit->ops[i].asked == SR_OP_RESERVE)
			return false;
	return true;
}

uint32_t sr_edit_encode(const struct segreg_edit *edit, unsigned char *out, uint32_t room)
{
	unsigned char *at = out;

	if (edit->n > room || size_of(edit) > room || !can_travel(edit))
		return 0;
	at = sr_bytes_put(at,
			  (edit->expects ? HAS_EXPECTED : 0u) | (edit->expects_live ? EXPECTS_LIVE : 0u) |
				  (edit->has_token ? HAS_TOKEN : 0u),
			  1);
	if (edit->expects)
		at = sr_bytes_put(at, edit->expected, 8);
	if (edit->has_token) {
		memcpy(at, edit->token, SR_TOKEN_SIZE);
		at += SR_TOKEN_SIZE;
	}
	for (size_t i = 0; i < edit->n; i++)
		at = encode_op(at, &edit->ops[i]);
	return (uint32_t)(at - out);
}

/* The bytes that are still to decode. */
struct input {
	const unsigned char *at, *end;
};

static bool has(const struct input *in, size_t bytes)
{
	return (size_t)(in->end - in->at) >= bytes;
}

static int fail_damaged(const char *what)
{
	return sr_fail(SEGREG_E_CORRUPT, "the shared memory is damaged: it has an edit with %s", what);
}

static int decode_user(struct input *in, struct sr_record *record)
{
	uint64_t size = has(in, 1) ? sr_bytes_take(&in->at, 1) : UINT64_MAX;

	if (size > SEGREG_USER_SIZE || !has(in, size))
		return fail_damaged("half of a segment's own bytes");
	record->user_size = (uint8_t)size;
	memcpy(record->user, in->at, size);
	in->at += size;
	return 0;
}

static int decode_path(struct segreg_edit *edit, struct input *in, enum sr_op_kind kind, struct sr_record *record)
{
	int rc;

	if (!has(in, PATH_FIXED - OP_FIXED))
		return fail_damaged("half a path");
	record->state = kind == SR_OP_ADD ? SR_LIVE : SR_PENDING;
	record->is_directory = sr_bytes_take(&in->at, 1) != 0;
	record->ino = sr_bytes_take(&in->at, 8);
	record->btime = (int64_t)sr_bytes_take(&in->at, 8);
	record->fid = sr_bytes_take(&in->at, 8);
	record->parent_ino = sr_bytes_take(&in->at, 8);
	record->parent_fid = sr_bytes_take(&in->at, 8);
	record->path_length = (uint16_t)sr_bytes_take(&in->at, 2);
	if (record->path_length > SEGREG_PATH_MAX || !has(in, record->path_length) ||
	    memchr(in->at, 0, record->path_length))
		return fail_damaged("a path without an end");
	memcpy(record->path, in->at, record->path_length);
	record->path[record->path_length] = '\0';
	in->at += record->path_length;
	rc = decode_user(in, record);
	if (!rc)
		rc = sr_base_check_path(&edit->reg->registry->base, record->path);
	return rc ? rc : append(edit, kind, record);
}

static int decode_op(struct segreg_edit *edit, struct input *in)
{
	struct sr_record record = { .id = 0 };
	enum sr_op_kind kind;

	if (!has(in, OP_FIXED))
		return fail_damaged("half an operation");
	kind = (enum sr_op_kind)sr_bytes_take(&in->at, 1);
	record.id = sr_bytes_take(&in->at, 8);
	if (has_path(kind))
		return decode_path(edit, in, kind, &record);
	if (kind != SR_OP_RETIRE && kind != SR_OP_UNRESERVE)
		return fail_damaged("an unknown operation");
	return append(edit, kind, &record);
}

int sr_edit_decode(struct segreg_edit *edit, const unsigned char *bytes, uint32_t size)
{
	struct input in = { .at = bytes, .end = bytes + size };
	uint64_t flags = size ? sr_bytes_take(&in.at, 1) : 0;
	size_t head = (flags & HAS_EXPECTED ? 8u : 0u) + (flags & HAS_TOKEN ? SR_TOKEN_SIZE : 0u);
	int rc = 0;

	if (!size || flags & ~(uint64_t)FLAGS || !has(&in, head))
		return fail_damaged("an impossible head");
	edit->expects = flags & HAS_EXPECTED;
	edit->expects_live = flags & EXPECTS_LIVE;
	edit->has_token = flags & HAS_TOKEN;
	if (edit->expects)
		edit->expected = sr_bytes_take(&in.at, 8);
	if (edit->has_token) {
		memcpy(edit->token, in.at, SR_TOKEN_SIZE);
		in.at += SR_TOKEN_SIZE;
	}
	while (!rc && in.at < in.end)
		rc = decode_op(edit, &in);
	if (!rc && edit->has_token)
		edit->digest = sr_digest(edit);
	return rc;
}
