/*
 * letter.c - an edit as bytes: what is read is what was written.
 * Nothing else is taken for an edit, and what cannot travel is not sent.
 */
#include "harness.h"
#include "edit/sr_digest.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>

struct scene {
	struct t_world w;
	struct segreg *reg;
	struct segreg_edit *edit;
};

/* An edit with everything in it. */
static struct scene set_scene(void)
{
	struct scene s = { .w = t_world(T_MEMORY) };

	s.reg = t_open(&s.w);
	s.edit = t_edit(s.reg);
	t_make_segment(&s.w, 1);
	t_make_file(&s.w, "file", 1);
	T_OK(segreg_edit_add(s.edit, UINT64_MAX, t_segment(1)));
	T_OK(segreg_edit_retire(s.edit, 0x0102030405060708));
	T_OK(segreg_edit_set_user(s.edit, "a level\0and more", 16));
	T_OK(sr_edit_unreserve(s.edit, 7));
	T_OK(segreg_edit_add(s.edit, 8, "file"));
	T_OK(segreg_edit_expect(s.edit, UINT64_MAX - 1));
	T_OK(segreg_edit_expect_live(s.edit));
	T_OK(segreg_edit_token(s.edit, (const unsigned char *)"sixteen letters!"));
	return s;
}

static void end_scene(struct scene *s)
{
	segreg_edit_abort(s->edit);
	t_close(s->reg);
}

static void there_and_back(void)
{
	struct scene s = set_scene();
	struct segreg_edit *back = t_edit(s.reg);
	unsigned char bytes[SR_LETTER_EDIT];

	T_OK(sr_edit_decode(back, bytes, sr_edit_encode(s.edit, bytes, sizeof(bytes))));
	T_EQ(back->n, s.edit->n);
	T_CHECK(back->expects && back->expects_live && back->has_token);
	T_EQ(back->expected, s.edit->expected);
	T_CHECK(memcmp(back->token, s.edit->token, SR_TOKEN_SIZE) == 0);
	T_CHECK(back->digest && back->digest == sr_digest(s.edit));
	for (size_t i = 0; i < back->n; i++) {
		const struct sr_record *a = back->ops[i].record, *b = s.edit->ops[i].record;

		T_EQ(back->ops[i].asked, s.edit->ops[i].asked);
		T_EQ(a->id, b->id);
		T_EQ(a->state, b->state);
		T_EQ(a->is_directory, b->is_directory);
		T_EQ(a->ino, b->ino);
		T_EQ(a->btime, b->btime);
		T_EQ(a->path_length, b->path_length);
		T_STR(a->path, b->path);
		T_EQ(a->user_size, b->user_size);
		T_CHECK(!memcmp(a->user, b->user, sizeof(a->user)));
	}
	T_EQ(back->ops[0].record->user_size, 16);
	segreg_edit_abort(back);
	end_scene(&s);
}

/* Cut between two operations it is a shorter edit; elsewhere it is none. */
static void truncated(void)
{
	struct scene s = set_scene();
	unsigned char bytes[SR_LETTER_EDIT];
	uint32_t size = sr_edit_encode(s.edit, bytes, sizeof(bytes));
	size_t accepted = 0;

	for (uint32_t length = 0; length <= size; length++) {
		struct segreg_edit *back = t_edit(s.reg);
		int rc = sr_edit_decode(back, bytes, length);

		T_CHECK(rc == 0 || rc == SEGREG_E_CORRUPT);
		if (rc == 0)
			T_EQ(back->n, accepted++);
		segreg_edit_abort(back);
	}
	T_EQ(accepted, s.edit->n + 1);
	end_scene(&s);
}

/* Whatever is accepted is what would have been written. */
static void garbage(void)
{
	struct scene s = set_scene();
	unsigned char good[SR_LETTER_EDIT], bytes[SR_LETTER_EDIT], again[SR_LETTER_EDIT];
	uint32_t size = sr_edit_encode(s.edit, good, sizeof(good));
	unsigned seed = 54321, accepted = 0;

	for (int round = 0; round < 20000; round++) {
		struct segreg_edit *back = t_edit(s.reg);

		memcpy(bytes, good, sizeof(bytes));
		for (int i = 0; i <= round % 3; i++)
			bytes[(unsigned)rand_r(&seed) % size] = (unsigned char)rand_r(&seed);
		if (sr_edit_decode(back, bytes, size) == 0) {
			accepted++;
			T_EQ(sr_edit_encode(back, again, sizeof(again)), size);
			for (uint32_t i = 0; i < size; i++)
				/* is_directory: any but 0 */
				T_CHECK(bytes[i] == again[i] || (again[i] == 1 && bytes[i]));
		}
		segreg_edit_abort(back);
	}
	T_CHECK(accepted > 100 && accepted < 19900);
	end_scene(&s);
}

static void what_cannot_travel(void)
{
	struct scene s = set_scene();
	struct segreg_edit *edit = t_edit(s.reg);
	unsigned char bytes[SR_LETTER_EDIT];
	uint32_t size = sr_edit_encode(s.edit, bytes, sizeof(bytes)), had = 0;

	memset(bytes, 0xee, sizeof(bytes));
	for (uint32_t room = 0; room < size; room++)
		T_EQ(sr_edit_encode(s.edit, bytes, room), 0);
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		T_EQ(bytes[i], 0xee);
	for (uint64_t id = 0; (size = sr_edit_encode(edit, bytes, sizeof(bytes))) > 0; id++) {
		had = size;
		T_OK(segreg_edit_retire(edit, id));
	}
	T_CHECK(had > sizeof(bytes) - 9 && had <= sizeof(bytes)); /* a retirement has 9 bytes */
	segreg_edit_abort(edit);
	edit = t_edit(s.reg);
	T_OK(sr_edit_reserve(edit, 9, "vacant"));
	T_EQ(sr_edit_encode(edit, bytes, sizeof(bytes)), 0);
	segreg_edit_abort(edit);
	end_scene(&s);
}

T_SUITE(letter, { "an edit comes back as it was", there_and_back },
	{ "an edit that is cut off is a shorter one or none", truncated },
	{ "of garbage only what could have been written is accepted", garbage },
	{ "what is too long, and reservations, do not travel", what_cannot_travel });
