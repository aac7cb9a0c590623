/*
 * letter.c - an edit as another process wrote it into shared memory. Decoded, all its paths are such as segments may
 * have, and it travels on as the same edit.
 */
#include "fuzz.h"
#include "edit/sr_edit.h"

#include <fcntl.h>
#include <unistd.h>

static struct sr_registry registry;
static struct segreg reg = { .registry = &registry };

static void prepare(void)
{
	FUZZ_CLAIM(sr_base_open(&registry.base, "/proc", "/proc/self") == 0);
}

static void claim_path(const char *path)
{
	FUZZ_CLAIM(*path && *path != '/' && strlen(path) <= SEGREG_PATH_MAX && !strstr(path, "/../") &&
		   !strstr(path, "//"));
	FUZZ_CLAIM(strncmp(path, "../", 3) && strcmp(path, "..") && strcmp(path, ".segreg"));
}

static void claim_same(const struct segreg_edit *a, const struct segreg_edit *b)
{
	FUZZ_CLAIM(a->n == b->n && a->expects == b->expects && a->expects_live == b->expects_live &&
		   a->has_token == b->has_token);
	FUZZ_CLAIM(!a->expects || a->expected == b->expected);
	for (size_t i = 0; i < a->n; i++) {
		FUZZ_CLAIM(a->ops[i].asked == b->ops[i].asked && a->ops[i].record->id == b->ops[i].record->id);
		FUZZ_CLAIM(!strcmp(a->ops[i].record->path, b->ops[i].record->path));
		FUZZ_CLAIM(a->ops[i].record->user_size == b->ops[i].record->user_size &&
			   !memcmp(a->ops[i].record->user, b->ops[i].record->user, SEGREG_USER_SIZE));
	}
}

static void one(const uint8_t *data, size_t size)
{
	struct segreg_edit edit = { .reg = &reg }, again = { .reg = &reg };
	unsigned char bytes[SR_LETTER_EDIT];
	uint32_t length;

	if (size > SR_LETTER_EDIT)
		return;
	if (fuzz_rc(sr_edit_decode(&edit, data, (uint32_t)size)) == 0) {
		for (size_t i = 0; i < edit.n; i++)
			if (edit.ops[i].asked == SR_OP_ADD)
				claim_path(edit.ops[i].record->path);
		length = sr_edit_encode(&edit, bytes, sizeof(bytes));
		FUZZ_CLAIM(length == size);
		FUZZ_CLAIM(sr_edit_decode(&again, bytes, length) == 0);
		claim_same(&edit, &again);
	}
	sr_edit_clear(&edit);
	sr_edit_clear(&again);
}

const struct fuzz_target fuzz_letter = { .name = "letter", .prepare = prepare, .one = one };
