/*
 * group.h - what the suites of edits that travel with another process's commit share.
 *
 * A leader stands with the commit lock while riders post their letters. Then it goes on, or does not.
 */
#ifndef GROUP_H
#define GROUP_H

#include "harness.h"
#include "peer.h"
#include "reboot.h"
#include "registry/sr_registry.h"

#include <errno.h>
#include <stdlib.h>

#define RIDERS 3u
#define LIVE_ID 1u  /* registered before */
#define LEADERS 10u /* the leader adds it; rider i adds 11 + i */
#define SHORT_MS 40u

/* One edit. */
struct errand {
	uint64_t add, retire; /* 0: none */
	uint64_t then;        /* after those: add it too; 0: none */
	uint64_t expected;    /* version; 0: any */
	bool publishes;       /* add is reserved by this peer */
	uint64_t version;     /* what the commit said */
};

struct scene {
	struct t_world w;
	struct segreg *reg;
	struct peer *leader, *rider[RIDERS];
	uint64_t version, txn, commits; /* before */
};

static inline int do_errand(struct peer_self *self, void *arg)
{
	struct errand *errand = arg;
	struct segreg_edit *edit;

	T_OK(segreg_edit_begin(self->reg, &edit));
	if (errand->add)
		T_OK(segreg_edit_add(edit, errand->add, t_segment(errand->add)));
	if (errand->retire)
		T_OK(segreg_edit_retire(edit, errand->retire));
	if (errand->then)
		T_OK(segreg_edit_add(edit, errand->then, t_segment(errand->then)));
	if (errand->expected)
		T_OK(segreg_edit_expect(edit, errand->expected));
	return segreg_edit_commit(edit, &errand->version);
}

static inline void note_before(struct scene *s)
{
	s->version = t_version(s->reg);
	s->txn = s->reg->region.header->txn;
	s->commits = t_stats(s->reg).commits;
}

static inline struct scene set_scene_with(struct segreg_open_options options)
{
	struct scene s = { .w = t_world(T_MEMORY) };

	s.reg = t_open_with(&s.w, options);
	t_add(&s.w, s.reg, LIVE_ID);
	for (uint64_t id = LEADERS; id <= LEADERS + RIDERS + 3; id++)
		t_make_segment(&s.w, id);
	s.leader = peer_start(&s.w, PEER_PROCESS);
	T_OK(peer_open(s.leader));
	for (unsigned i = 0; i < RIDERS; i++) {
		s.rider[i] = peer_start(&s.w, PEER_PROCESS);
		T_OK(peer_open(s.rider[i]));
	}
	note_before(&s);
	return s;
}

static inline struct scene set_scene(void)
{
	return set_scene_with((struct segreg_open_options){ .size = 0 });
}

static inline void end_scene(struct scene *s)
{
	t_close(s->reg);
}

static inline void begin_to_lead(struct scene *s, struct errand errand)
{
	peer_run_to(s->leader, "group.leading", do_errand, &errand, sizeof(errand));
}

/* It is on its way once the leader goes on. */
static inline void post(struct scene *s, unsigned i, struct errand errand)
{
	peer_run_to(s->rider[i], "letter.posted", do_errand, &errand, sizeof(errand));
	peer_go_on(s->rider[i]);
}

/* The leader and all riders each with an addition. */
static inline void post_all(struct scene *s)
{
	begin_to_lead(s, (struct errand){ .add = LEADERS });
	for (unsigned i = 0; i < RIDERS; i++)
		post(s, i, (struct errand){ .add = LEADERS + 1 + i, .expected = s->version + 1 + i });
}

static inline struct errand end(struct peer *peer)
{
	struct errand errand;

	T_OK(peer_end(peer, &errand));
	return errand;
}

static unsigned failing_malloc;

static inline int do_starving(struct peer_self *self, void *arg)
{
	const struct errand *errand = arg;
	struct segreg_edit *edit;
	int rc;

	T_OK(segreg_edit_begin(self->reg, &edit));
	T_OK(segreg_edit_add(edit, errand->add, t_segment(errand->add)));
	t_fail_call("malloc", failing_malloc, ENOMEM);
	rc = segreg_edit_commit(edit, NULL);
	T_EQ(t_failed_calls(), 1);
	t_fail_call(NULL, 0, 0);
	return rc;
}

#endif
