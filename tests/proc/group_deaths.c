/*
 * group_deaths.c - leaders and riders that die or are stopped: all or nothing, and each edit once.
 */
#include "group.h"
#include "harness.h"
#include "peer.h"
#include "registry/sr_registry.h"

#include <stdlib.h>

static int open_hasty(struct peer_self *self, void *arg)
{
	const struct segreg_open_options options = { .size = sizeof(options), .timeout_ms = SHORT_MS };

	(void)arg;
	return segreg_open(self->world.dir, &options, &self->reg);
}

static void lead_to(struct scene *s, const char *point, unsigned nth)
{
	peer_stop_at(s->leader, point, nth);
	peer_go_on(s->leader);
	T_CHECK(peer_stands(s->leader));
}

/* ---------------------------------------------------------------- deaths */

static const struct death {
	const char *point;
	unsigned nth;
	bool happened;
} deaths[] = {
	{ "letter.taken", 2, false },      { "group.planned", 1, false },   { "edit.prepared", 1, false },
	{ "change.committing", 1, false }, { "change.durable", 1, true },   { "edit.publishing", 3, true },
	{ "letter.answering", 1, true },   { "letter.answering", 2, true }, { "change.applied", 1, true },
};

/* Each rider's edit is made once: it expects a version, which a second time would be another. */
static void leader_killed(void)
{
	for (size_t d = 0; d < sizeof(deaths) / sizeof(deaths[0]); d++) {
		struct scene s = set_scene();
		unsigned made = deaths[d].happened;

		begin_to_lead(&s, (struct errand){ .add = LEADERS });
		for (unsigned i = 0; i < RIDERS; i++)
			post(&s, i, (struct errand){ .add = LEADERS + 1 + i, .retire = i ? 0 : LIVE_ID });
		lead_to(&s, deaths[d].point, deaths[d].nth);
		peer_kill(s.leader);
		for (unsigned i = 0; i < RIDERS; i++)
			end(s.rider[i]);
		T_EQ(t_version(s.reg), s.version + made + RIDERS);
		T_EQ(t_state(s.reg, LEADERS), made ? SEGREG_LIVE : SEGREG_E_NOENT);
		for (unsigned i = 0; i < RIDERS; i++)
			T_EQ(t_state(s.reg, LEADERS + 1 + i), SEGREG_LIVE);
		T_EQ(t_state(s.reg, LIVE_ID), SEGREG_PENDING);
		end_scene(&s);
	}
}

/* What was durable is answered with the version that it had. */
static void leader_killed_after_the_commit(void)
{
	for (size_t d = 0; d < sizeof(deaths) / sizeof(deaths[0]); d++) {
		struct scene s;

		if (!deaths[d].happened)
			continue;
		s = set_scene();
		post_all(&s);
		lead_to(&s, deaths[d].point, deaths[d].nth);
		peer_kill(s.leader);
		for (unsigned i = 0; i < RIDERS; i++)
			T_EQ(end(s.rider[i]).version, s.version + 2 + i);
		T_EQ(t_version(s.reg), s.version + 1 + RIDERS);
		end_scene(&s);
	}
}

/* With the riders dead too: all or nothing, and nobody starts on a dead one's edit later. */
static void all_killed(void)
{
	for (size_t d = 0; d < sizeof(deaths) / sizeof(deaths[0]); d++) {
		struct scene s = set_scene();
		unsigned made = deaths[d].happened ? RIDERS + 1 : 0;

		post_all(&s);
		lead_to(&s, deaths[d].point, deaths[d].nth);
		for (unsigned i = 0; i < RIDERS; i++)
			peer_kill(s.rider[i]);
		peer_kill(s.leader);
		T_OK(segreg_retire(s.reg, LIVE_ID));
		T_OK(segreg_register(s.reg, 14, t_segment(14)));
		T_EQ(t_version(s.reg), s.version + made + 2);
		for (unsigned i = 0; i <= RIDERS; i++)
			T_EQ(t_state(s.reg, LEADERS + i), made ? SEGREG_LIVE : SEGREG_E_NOENT);
		end_scene(&s);
	}
}

/* Killed twice: the second one is killed while it repairs. */
static void repairer_killed(void)
{
	static const char *const points[] = { "reconcile.read", "reconcile.settling", "letter.answering" };

	for (size_t p = 0; p < sizeof(points) / sizeof(points[0]); p++) {
		struct scene s = set_scene();
		struct errand errand = { .add = 14 };
		struct peer *repairer = peer_start(&s.w, PEER_PROCESS);

		T_OK(peer_open(repairer));
		post_all(&s);
		lead_to(&s, "change.durable", 1);
		for (unsigned i = 0; i < RIDERS; i++)
			peer_stop(s.rider[i]);
		peer_kill(s.leader);
		peer_run_to(repairer, points[p], do_errand, &errand, sizeof(errand));
		peer_kill(repairer);
		for (unsigned i = 0; i < RIDERS; i++)
			peer_cont(s.rider[i]);
		for (unsigned i = 0; i < RIDERS; i++)
			T_EQ(end(s.rider[i]).version, s.version + 2 + i);
		T_EQ(t_version(s.reg), s.version + 1 + RIDERS);
		end_scene(&s);
	}
}

static void rider_killed_while_taken(void)
{
	struct scene s = set_scene();

	post_all(&s);
	lead_to(&s, "group.planned", 1);
	peer_kill(s.rider[1]);
	peer_go_on(s.leader);
	end(s.leader);
	end(s.rider[0]);
	end(s.rider[2]);
	T_EQ(t_version(s.reg), s.version + 1 + RIDERS);
	T_EQ(t_sweep(s.reg).reclaimed, 1);
	end_scene(&s);
}

/* The lane of a rider that died on the way serves another process, which has posted a letter: the answer is to that
 * letter. */
static void lane_used_again(void)
{
	struct scene s = set_scene_with((struct segreg_open_options){ .max_lanes = RIDERS + 2 });
	struct errand errand = { .retire = 96 };
	struct peer *heir = peer_start(&s.w, PEER_PROCESS);

	post_all(&s);
	lead_to(&s, "group.planned", 1);
	peer_kill(s.rider[1]);
	T_OK(peer_open(heir)); /* all lanes are taken but the dead one's */
	peer_run_to(heir, "letter.posted", do_errand, &errand, sizeof(errand));
	peer_go_on(heir);
	peer_go_on(s.leader);
	end(s.leader);
	T_ERR(SEGREG_E_NOENT, peer_end(heir, NULL));
	T_HAS(t_last_text(), "segment 96");
	end(s.rider[0]);
	end(s.rider[2]);
	T_EQ(t_version(s.reg), s.version + 1 + RIDERS);
	end_scene(&s);
}

/* As in lane_used_again, but the rider dies when its letter is being taken. The letter of the heir is taken later, and
 * its edit made once. */
static void lane_used_again_at_once(void)
{
	struct scene s = set_scene_with((struct segreg_open_options){ .max_lanes = RIDERS + 2 });
	struct errand errand = { .add = 14 };
	struct peer *heir = peer_start(&s.w, PEER_PROCESS);

	begin_to_lead(&s, (struct errand){ .add = LEADERS });
	for (unsigned i = 0; i < RIDERS; i++)
		post(&s, i, (struct errand){ .add = LEADERS + 1 + i });
	lead_to(&s, "letter.taken", 2);
	peer_kill(s.rider[1]);
	T_OK(peer_open(heir));
	peer_run_to(heir, "letter.posted", do_errand, &errand, sizeof(errand));
	peer_go_on(heir);
	peer_go_on(s.leader);
	end(s.leader);
	T_EQ(end(heir).version, s.version + 4);
	end(s.rider[0]);
	T_EQ(end(s.rider[2]).version, s.version + 3); /* by then the heir's was not made */
	T_EQ(t_state(s.reg, LEADERS + 2), SEGREG_E_NOENT);
	T_EQ(t_version(s.reg), s.version + 4);
	end_scene(&s);
}

static void dead_before_taken(void)
{
	struct scene s = set_scene();

	post_all(&s);
	peer_kill(s.rider[2]);
	peer_go_on(s.leader);
	end(s.leader);
	end(s.rider[0]);
	end(s.rider[1]);
	T_EQ(t_version(s.reg), s.version + RIDERS);
	T_EQ(t_state(s.reg, LEADERS + RIDERS), SEGREG_E_NOENT);
	end_scene(&s);
}

/* ---------------------------------------------------------------- stopped leaders */

static struct scene set_hasty_scene(void)
{
	struct scene s = set_scene();

	T_OK(peer_close(s.rider[0], NULL));
	T_OK(peer_call(s.rider[0], open_hasty, NULL, 0));
	return s;
}

static void stopped_before_it_takes(void)
{
	struct scene s = set_hasty_scene();

	begin_to_lead(&s, (struct errand){ .add = LEADERS });
	post(&s, 0, (struct errand){ .add = 11 });
	T_ERR(SEGREG_E_TIMEDOUT, peer_end(s.rider[0], NULL));
	T_HAS(t_last_text(), "waited 40 ms for the commit lock");
	peer_go_on(s.leader);
	end(s.leader);
	T_EQ(t_version(s.reg), s.version + 1);
	T_EQ(t_state(s.reg, 11), SEGREG_E_NOENT);
	T_OK(peer_call(s.rider[0], do_errand, &(struct errand){ .add = 11 }, sizeof(struct errand)));
	end_scene(&s);
}

/* goes_on: the leader comes back; otherwise it is killed, and nobody starts on the forsaken edit. */
static void stopped_with_the_letter(bool goes_on)
{
	struct scene s = set_hasty_scene();
	struct errand errand = { .add = 12 };

	begin_to_lead(&s, (struct errand){ .add = LEADERS });
	post(&s, 0, (struct errand){ .add = 11 });
	lead_to(&s, "group.planned", 1);
	T_ERR(SEGREG_E_REOPEN, peer_end(s.rider[0], NULL));
	T_HAS(t_last_text(), "took this edit into its own commit and does not go on");
	T_ERR(SEGREG_E_TIMEDOUT, peer_call(s.rider[0], do_errand, &errand, sizeof(errand)));
	if (goes_on) {
		peer_go_on(s.leader);
		end(s.leader);
	} else {
		peer_kill(s.leader);
	}
	T_OK(peer_call(s.rider[0], do_errand, &errand, sizeof(errand)));
	T_EQ(errand.version, s.version + (goes_on ? 3 : 1));
	T_EQ(t_state(s.reg, 11), goes_on ? SEGREG_LIVE : SEGREG_E_NOENT);
	/* Its letter serves again. */
	note_before(&s);
	peer_run_to(s.rider[1], "group.leading", do_errand, &(struct errand){ .add = 13 }, sizeof(struct errand));
	post(&s, 0, (struct errand){ .add = 14 });
	peer_go_on(s.rider[1]);
	end(s.rider[1]);
	end(s.rider[0]);
	T_EQ(s.reg->region.header->txn, s.txn + 1);
	end_scene(&s);
}

static void stopped_and_back(void)
{
	stopped_with_the_letter(true);
}

static void stopped_and_killed(void)
{
	stopped_with_the_letter(false);
}

T_SUITE(group_deaths, { "a leader is killed anywhere: its riders' edits are made, once", leader_killed },
	{ "a leader is killed after its commit: its riders get the versions that it made",
	  leader_killed_after_the_commit },
	{ "leader and riders are killed anywhere: all or nothing, then and later", all_killed },
	{ "who repairs after a leader is killed too: the riders get their answers", repairer_killed },
	{ "a rider is killed while a leader has its letter: the others are answered", rider_killed_while_taken },
	{ "a lane is used again while a leader has its letter: the heir gets his own answer", lane_used_again },
	{ "a lane is used again while a leader takes its letter: the heir's edit is made, once",
	  lane_used_again_at_once },
	{ "a rider that is dead by the time is left out", dead_before_taken },
	{ "a leader is stopped before it takes letters: TIMEDOUT, and nothing has changed", stopped_before_it_takes },
	{ "a leader is stopped with a letter and comes back: REOPEN, and the edit is made", stopped_and_back },
	{ "a leader is stopped with a letter and killed: REOPEN, and the edit is never made", stopped_and_killed });
