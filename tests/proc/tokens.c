/*
 * tokens.c - edits with a token, which are tried again and made once.
 */
#include "harness.h"
#include "peer.h"
#include "reboot.h"

#include <string.h>

struct attempt {
	unsigned char token[16];
	uint64_t add, retire; /* 0: none */
	uint64_t version;
};

static int attempt(struct segreg *reg, struct attempt *attempt)
{
	struct segreg_edit *edit = t_edit(reg);

	T_OK(segreg_edit_token(edit, attempt->token));
	if (attempt->add)
		T_OK(segreg_edit_add(edit, attempt->add, t_segment(attempt->add)));
	if (attempt->retire)
		T_OK(segreg_edit_retire(edit, attempt->retire));
	return segreg_edit_commit(edit, &attempt->version);
}

static int do_attempt(struct peer_self *self, void *arg)
{
	return attempt(self->reg, arg);
}

static void committed_once(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *other = peer_start(&w, PEER_PROCESS);
	struct attempt first = { .token = "first", .retire = 1 }, again;

	T_OK(peer_open(other));
	for (uint64_t id = 1; id <= 3; id++)
		t_add(&w, reg, id);
	t_make_segment(&w, 4);
	T_OK(attempt(reg, &first));
	T_EQ(first.version, 4);
	T_OK(segreg_retire(reg, 2));
	again = first;
	again.version = 77;
	T_OK(attempt(reg, &again));
	T_EQ(again.version, 4);
	T_OK(peer_call(other, do_attempt, &again, sizeof(again)));
	T_EQ(again.version, 4);
	again.add = 4;
	T_ERR(SEGREG_E_CONFLICT, peer_call(other, do_attempt, &again, sizeof(again)));
	T_HAS(t_last_text(), "it made version 4");
	T_EQ(t_state(reg, 4), SEGREG_E_NOENT);
	T_EQ(t_version(reg), 5);
	again.token[15] = 1; /* all 16 bytes count */
	again.retire = 3;
	T_OK(attempt(reg, &again));
	T_EQ(again.version, 6);
	T_EQ(t_state(reg, 4), SEGREG_LIVE);
	peer_exit(other);
	t_close(reg);
}

static void once_over_restarts(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct attempt try = { .token = "t", .retire = 1 };

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(attempt(reg, &try));
	t_close(reg);
	t_reboot(&w);
	reg = t_open(&w);
	try.version = 77;
	T_OK(attempt(reg, &try));
	T_EQ(try.version, 3);
	try = (struct attempt){ .token = "t", .retire = 2 };
	T_ERR(SEGREG_E_CONFLICT, attempt(reg, &try));
	T_EQ(t_state(reg, 2), SEGREG_LIVE);
	t_close(reg);
}

/* Killed on either side of the commit; the retry need not know on which. */
static void once_over_deaths(void)
{
	static const char *const points[] = { "edit.prepared", "change.committing", "change.durable", "edit.publishing",
					      "change.applied" };

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct t_world w = t_world(T_MEMORY);
		struct segreg *reg = t_open(&w);
		struct peer *editor = peer_start(&w, PEER_PROCESS);
		struct attempt try = { .token = "t", .retire = 1, .add = 2 };

		T_OK(peer_open(editor));
		t_add(&w, reg, 1);
		t_make_segment(&w, 2);
		peer_run_to(editor, points[i], do_attempt, &try, sizeof(try));
		peer_kill(editor);
		T_OK(attempt(reg, &try));
		T_EQ(try.version, 2);
		T_EQ(t_version(reg), 2);
		T_EQ(t_state(reg, 1), SEGREG_PENDING);
		T_EQ(t_info(reg, 2).born, 2);
		t_close(reg);
	}
}

static void failures_are_not_remembered(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct attempt try = { .token = "t", .retire = 1 };

	T_ERR(SEGREG_E_NOENT, attempt(reg, &try));
	t_add(&w, reg, 1);
	T_OK(attempt(reg, &try));
	T_EQ(try.version, 2);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	t_close(reg);
}

static void nothing_to_do_is_remembered(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct attempt try = { .token = "t", .add = 1 };

	t_add(&w, reg, 1);
	T_OK(attempt(reg, &try)); /* live already */
	T_EQ(try.version, 1);
	T_OK(segreg_retire(reg, 1));
	try.version = 77;
	T_OK(attempt(reg, &try));
	T_EQ(try.version, 1);
	T_EQ(t_state(reg, 1), SEGREG_PENDING);
	t_close(reg);
}

/* The token is known before anything else is asked. */
static void a_repeat_meets_no_conflict(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	uint64_t version = 77;

	t_add(&w, reg, 1);
	for (int i = 0; i < 2; i++) {
		struct segreg_edit *edit = t_edit(reg);

		T_OK(segreg_edit_token(edit, (const unsigned char *)"0123456789abcdef"));
		T_OK(segreg_edit_expect(edit, 1));
		T_OK(segreg_edit_expect_live(edit));
		T_OK(segreg_edit_retire(edit, 1));
		T_OK(segreg_edit_commit(edit, &version));
		T_EQ(version, 2);
	}
	t_close(reg);
}

/* Additions and retirements of one edit: 'a' adds, 'r' retires, 'u' gives the last addition a byte. */
static int commit_ops(struct segreg *reg, const char *ops, uint64_t *version)
{
	struct segreg_edit *edit = t_edit(reg);

	T_OK(segreg_edit_token(edit, (const unsigned char *)"0123456789abcdef"));
	for (; *ops; ops += 2)
		if (*ops == 'a')
			T_OK(segreg_edit_add(edit, (uint64_t)(ops[1] - '0'), t_segment((uint64_t)(ops[1] - '0'))));
		else if (*ops == 'r')
			T_OK(segreg_edit_retire(edit, (uint64_t)(ops[1] - '0')));
		else
			T_OK(segreg_edit_set_user(edit, ops + 1, 1));
	return segreg_edit_commit(edit, version);
}

static int do_ops(struct peer_self *self, void *arg)
{
	uint64_t version;

	return commit_ops(self->reg, arg, &version);
}

/* The other edit goes with this token to a leader, as a letter, or is alone. */
static void another_edit_with_its_token(void)
{
	static const char *const same[] = { "a2u5r1a3", "a3r1a2u5", "r1a2u5a3" };
	static const char *const others[] = {
		"",         "a2u5r1",   "a2u5r1a3r1", "a2r1a3",   "a2u6r1a3",
		"a2r1a3u5", "a2u5r1a4", "a2u5r1r3",   "a1a2u5a3", "r1r2r3",
	};
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct peer *leader = peer_start(&w, PEER_PROCESS), *rider = peer_start(&w, PEER_PROCESS);
	uint64_t version = 77;

	t_add(&w, reg, 1);
	for (uint64_t id = 2; id <= 5; id++)
		t_make_segment(&w, id);
	T_OK(commit_ops(reg, same[0], &version));
	T_EQ(version, 2);
	T_OK(peer_open(leader));
	T_OK(peer_open(rider));
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		T_OK(commit_ops(reg, same[i], &version));
		T_EQ(version, 2);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		char ops[16];

		T_ERR(SEGREG_E_CONFLICT, commit_ops(reg, others[i], &version));
		T_HAS(segreg_last_error(), "(also their own bytes)");
		strcpy(ops, others[i]);
		peer_run_to(leader, "group.leading", do_ops, "a2u5r1a3", 9);
		peer_run_to(rider, "letter.posted", do_ops, ops, sizeof(ops));
		peer_go_on(leader);
		T_OK(peer_end(leader, NULL));
		peer_go_on(rider);
		T_ERR(SEGREG_E_CONFLICT, peer_end(rider, NULL));
	}
	T_EQ(t_version(reg), 2);
	peer_exit(leader);
	peer_exit(rider);
	t_close(reg);
}

static void the_last_tokens_are_remembered(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w);
	struct attempt first = { .token = "first", .retire = 1 }, other = { .token = "other" };

	t_add(&w, reg, 1);
	t_add(&w, reg, 2);
	T_OK(attempt(reg, &first));
	first.retire = 2;
	for (uint64_t i = 1; i <= SEGREG_TOKENS; i++) {
		if (i == SEGREG_TOKENS) {
			T_ERR(SEGREG_E_CONFLICT, attempt(reg, &first));
			T_EQ(t_state(reg, 2), SEGREG_LIVE);
		}
		memcpy(other.token + 8, &i, sizeof(i));
		T_OK(attempt(reg, &other));
	}
	T_OK(attempt(reg, &other));
	T_EQ(other.version, 3);
	T_OK(attempt(reg, &first));
	T_EQ(first.version, 4);
	T_EQ(t_state(reg, 2), SEGREG_PENDING);
	T_OK(attempt(reg, &first));
	T_EQ(first.version, 4);
	t_close(reg);
}

T_SUITE(tokens, { "an edit with a token is committed once, whoever tries again", committed_once },
	{ "a token is remembered over restarts", once_over_restarts },
	{ "a token makes an edit happen once, wherever its committer died", once_over_deaths },
	{ "an edit that failed is not remembered", failures_are_not_remembered },
	{ "an edit that had nothing to do is remembered", nothing_to_do_is_remembered },
	{ "an edit tried again is not in conflict with itself", a_repeat_meets_no_conflict },
	{ "another edit with a token that was used is refused, and changes nothing", another_edit_with_its_token },
	{ "the last 4,096 tokens are remembered, and no more", the_last_tokens_are_remembered });
