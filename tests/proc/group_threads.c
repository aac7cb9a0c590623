/*
 * group_threads.c - threads of one process whose edits a leader commits together.
 */
#include "fault.h"
#include "group.h"
#include "harness.h"
#include "peer.h"
#include "registry/sr_registry.h"

#include <errno.h>
#include <stdlib.h>

static void two_threads_of_one_handle(void)
{
	struct scene s = set_scene();
	struct peer *thread[2];
	struct errand errands[2] = { { .add = 11 }, { .add = 12 } };

	begin_to_lead(&s, (struct errand){ .add = LEADERS });
	for (unsigned i = 0; i < 2; i++) {
		thread[i] = peer_start(&s.w, PEER_THREAD);
		T_OK(peer_use(thread[i], s.reg));
	}
	peer_run_to(thread[0], "letter.posted", do_errand, &errands[0], sizeof(errands[0]));
	peer_begin(thread[1], do_errand, &errands[1], sizeof(errands[1]));
	peer_go_on(thread[0]);
	peer_go_on(s.leader);
	end(s.leader);
	for (unsigned i = 0; i < 2; i++)
		end(thread[i]);
	T_EQ(t_version(s.reg), s.version + 3);
	for (unsigned i = 0; i < 2; i++)
		peer_exit(thread[i]);
	end_scene(&s);
}

#define THREADS 8u

/* All threads use reg. Thread 0 does leads and stands as the leader, thread 1 has the letter, the others are in the
 * queue. */
static void line_up_behind(struct scene *s, struct segreg *reg, struct peer **thread, const struct errand *errands,
			   peer_fn *leads)
{
	static const char *const points[] = { "group.leading", "letter.posted" };

	for (unsigned i = 0; i < THREADS; i++) {
		thread[i] = peer_start(&s->w, PEER_THREAD);
		T_OK(peer_use(thread[i], reg));
		peer_run_to(thread[i], i < 2 ? points[i] : "queue.joined", i ? do_errand : leads, &errands[i],
			    sizeof(errands[i]));
	}
}

/* All but the leader. */
static void go_on_behind(struct peer **thread)
{
	for (unsigned i = 1; i < THREADS; i++)
		peer_go_on(thread[i]);
}

static void line_up(struct scene *s, struct segreg *reg, struct peer **thread, const struct errand *errands)
{
	line_up_behind(s, reg, thread, errands, do_errand);
	go_on_behind(thread);
}

static void end_threads(struct segreg *reg, struct peer **thread)
{
	for (unsigned i = 0; i < THREADS; i++)
		peer_exit(thread[i]);
	T_EQ(sr_queue_count(&reg->registry->queue), 0);
	T_CHECK(!reg->registry->queue.first);
}

static struct scene set_scene_of_threads(struct errand *errands)
{
	struct scene s = set_scene();

	for (unsigned i = 0; i < THREADS; i++) {
		errands[i] = (struct errand){ .add = 20 + i };
		t_make_segment(&s.w, 20 + i);
	}
	return s;
}

static void threads_together(void)
{
	struct errand errands[THREADS];
	struct scene s = set_scene_of_threads(errands);
	struct peer *thread[THREADS];
	uint64_t versions = 0;
	uint32_t calls;

	line_up(&s, s.reg, thread, errands);
	calls = sr_load_seqcst_u32(&s.reg->registry->queue.calls);
	peer_go_on(thread[0]);
	for (unsigned i = 0; i < THREADS; i++) {
		versions |= 1ull << (end(thread[i]).version - s.version);
		T_EQ(t_state(s.reg, 20 + i), SEGREG_LIVE);
	}
	T_EQ(versions, (2ull << THREADS) - 2);                               /* one of its own for each */
	T_CHECK(sr_load_seqcst_u32(&s.reg->registry->queue.calls) != calls); /* no thread had to find out by itself */
	T_EQ(t_stats(s.reg).commits, s.commits + 1);
	end_threads(s.reg, thread);
	end_scene(&s);
}

static void one_thread_is_refused(void)
{
	struct errand errands[THREADS];
	struct scene s = set_scene_of_threads(errands);
	struct peer *thread[THREADS];

	errands[3] = (struct errand){ .add = 23, .retire = 99 };
	errands[4].expected = s.version + 77;
	line_up(&s, s.reg, thread, errands);
	peer_go_on(thread[0]);
	for (unsigned i = 0; i < THREADS; i++)
		if (i != 3 && i != 4)
			end(thread[i]);
	T_ERR(SEGREG_E_NOENT, peer_end(thread[3], NULL));
	T_HAS(t_last_text(), "segment 99 is not registered");
	T_ERR(SEGREG_E_CONFLICT, peer_end(thread[4], NULL));
	T_HAS(t_last_text(), "the edit expects");
	T_EQ(t_state(s.reg, 23), SEGREG_E_NOENT);
	T_EQ(t_version(s.reg), s.version + THREADS - 2);
	T_EQ(t_stats(s.reg).commits, s.commits + 1);
	end_threads(s.reg, thread);
	end_scene(&s);
}

/* A leader of another process holds the lock, and goes away without a word: the threads find out. */
static void threads_behind_a_process(bool dies)
{
	struct errand errands[THREADS];
	struct scene s = set_scene_of_threads(errands);
	struct peer *thread[THREADS];

	begin_to_lead(&s, (struct errand){ .add = LEADERS });
	for (unsigned i = 0; i < THREADS; i++) {
		thread[i] = peer_start(&s.w, PEER_THREAD);
		T_OK(peer_use(thread[i], s.reg));
		peer_run_to(thread[i], i ? "queue.joined" : "letter.posted", do_errand, &errands[i],
			    sizeof(errands[i]));
	}
	for (unsigned i = 0; i < THREADS; i++)
		peer_go_on(thread[i]);
	if (dies)
		peer_kill(s.leader);
	else
		peer_go_on(s.leader);
	for (unsigned i = 0; i < THREADS; i++) {
		end(thread[i]);
		T_EQ(t_state(s.reg, 20 + i), SEGREG_LIVE);
	}
	if (!dies)
		end(s.leader);
	T_EQ(t_version(s.reg), s.version + THREADS + !dies);
	end_threads(s.reg, thread);
	end_scene(&s);
}

static void threads_behind_a_leader(void)
{
	threads_behind_a_process(false);
}

static void threads_behind_a_dead_leader(void)
{
	threads_behind_a_process(true);
}

/* Together they are too many. Each tries alone, and the table is full to the last slot. */
static void threads_too_many_together(void)
{
	struct scene s = set_scene_with((struct segreg_open_options){ .max_segments = 4 });
	struct errand errands[THREADS];
	struct peer *thread[THREADS];
	unsigned full = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		errands[i] = (struct errand){ .add = 20 + i };
		t_make_segment(&s.w, 20 + i);
	}
	line_up(&s, s.reg, thread, errands);
	peer_go_on(thread[0]);
	for (unsigned i = 0; i < THREADS; i++) {
		int rc = peer_end(thread[i], NULL);

		T_CHECK(rc == 0 || rc == SEGREG_E_FULL);
		full += rc != 0;
	}
	T_EQ(full, THREADS - 3);
	T_EQ(t_stats(s.reg).live, 4);
	T_EQ(t_version(s.reg), s.version + 3);
	end_threads(s.reg, thread);
	end_scene(&s);
}

/* A thread in the queue gives up before a leader takes its edit: nothing of it is made, then or later. */
static void thread_gives_up(void)
{
	struct errand errands[THREADS];
	struct scene s = set_scene_of_threads(errands);
	const struct segreg_open_options hasty = { .timeout_ms = SHORT_MS };
	struct segreg *reg = t_open_with(&s.w, hasty);
	struct peer *thread[THREADS];

	line_up(&s, reg, thread, errands);
	for (unsigned i = 1; i < THREADS; i++) {
		T_ERR(SEGREG_E_TIMEDOUT, peer_end(thread[i], NULL));
		T_HAS(t_last_text(), "waited 40 ms for the commit lock");
	}
	peer_go_on(thread[0]);
	end(thread[0]);
	T_EQ(t_version(s.reg), s.version + 1);
	for (unsigned i = 1; i < THREADS; i++) {
		T_EQ(t_state(s.reg, 20 + i), SEGREG_E_NOENT);
		T_OK(peer_call(thread[i], do_errand, &errands[i], sizeof(errands[i])));
	}
	end_threads(reg, thread);
	t_close(reg);
	end_scene(&s);
}

/* A thread whose edit a leader has taken waits for the answer, however late: nothing else is true. */
static void thread_waits_while_taken(void)
{
	struct errand errands[THREADS], again = { .add = LEADERS };
	struct scene s = set_scene_of_threads(errands);
	const struct segreg_open_options hasty = { .timeout_ms = SHORT_MS };
	struct segreg *reg = t_open_with(&s.w, hasty);
	struct peer *thread[THREADS];

	line_up_behind(&s, reg, thread, errands, do_errand);
	peer_stop_at(thread[0], "group.planned", 1);
	peer_go_on(thread[0]);
	T_CHECK(peer_stands(thread[0]));
	go_on_behind(thread);
	/* The letter's thread began to wait last. When it has waited in vain, and once more, the time of all the others
	 * is up. */
	T_ERR(SEGREG_E_REOPEN, peer_end(thread[1], NULL));
	T_ERR(SEGREG_E_TIMEDOUT, peer_call(thread[1], do_errand, &again, sizeof(again)));
	peer_go_on(thread[0]);
	for (unsigned i = 0; i < THREADS; i++)
		if (i != 1)
			end(thread[i]);
	for (unsigned i = 0; i < THREADS; i++)
		T_EQ(t_state(s.reg, 20 + i), SEGREG_LIVE);
	T_EQ(t_state(s.reg, LEADERS), SEGREG_E_NOENT);
	T_EQ(t_version(s.reg), s.version + THREADS);
	end_threads(reg, thread);
	t_close(reg);
	end_scene(&s);
}

/* Threads that come too late for a leader look again as soon as it gives the commit lock back. */
static void thread_too_late_for_a_leader(void)
{
	struct errand errands[THREADS];
	struct scene s = set_scene_of_threads(errands);
	static const char *const points[] = { "group.planned", "letter.posted", "queue.joined" };
	struct peer *thread[3];
	uint32_t calls;

	for (unsigned i = 0; i < 3; i++) {
		thread[i] = peer_start(&s.w, PEER_THREAD);
		T_OK(peer_use(thread[i], s.reg));
		peer_run_to(thread[i], points[i], do_errand, &errands[i], sizeof(errands[i]));
	}
	calls = sr_load_seqcst_u32(&s.reg->registry->queue.calls);
	peer_go_on(thread[0]);
	end(thread[0]);
	T_CHECK(sr_load_seqcst_u32(&s.reg->registry->queue.calls) != calls);
	for (unsigned i = 1; i < 3; i++)
		peer_go_on(thread[i]);
	for (unsigned i = 1; i < 3; i++)
		end(thread[i]);
	T_EQ(t_version(s.reg), s.version + 3);
	for (unsigned i = 0; i < 3; i++)
		peer_exit(thread[i]);
	end_scene(&s);
}

/* Nobody knows whether the commit is on the disk: every thread on board hears that, and none hears "made". */
static void threads_of_an_unknown_commit(void)
{
	struct errand errands[THREADS];
	struct scene s = set_scene_of_threads(errands);
	struct peer *thread[THREADS];

	line_up(&s, s.reg, thread, errands);
	t_fail_disk(t_path(&s.w, "registry/registry.mdb"), T_META_PAGE, EIO);
	peer_go_on(thread[0]);
	for (unsigned i = 0; i < THREADS; i++) {
		T_ERR(SEGREG_E_REOPEN, peer_end(thread[i], NULL));
		/* The letter stays with the failed commit, and its thread finds out by itself. */
		T_HAS(t_last_text(), i == 1 ? "outcome is unknown" : "may or may not be on the disk");
	}
	T_CHECK(t_failed_writes() > 0);
	t_fail_disk(t_path(&s.w, "registry/registry.mdb"), T_META_PAGE, 0);
	T_ERR(SEGREG_E_REOPEN, peer_call(thread[2], do_errand, &errands[2], sizeof(errands[2])));
	T_HAS(t_last_text(), "close this handle and open the registry again");
	end_threads(s.reg, thread);
	t_close(s.reg);
	/* Another process settles what became of it: all or nothing, and each edit can be tried again. */
	T_OK(peer_call(s.leader, do_errand, &(struct errand){ .add = LEADERS }, sizeof(struct errand)));
	s.reg = t_open(&s.w);
	for (unsigned i = 0, made = t_state(s.reg, 20) == SEGREG_LIVE; i < THREADS; i++) {
		T_EQ(t_state(s.reg, 20 + i), made ? SEGREG_LIVE : SEGREG_E_NOENT);
		T_EQ(segreg_register(s.reg, 20 + i, t_segment(20 + i)), made ? SEGREG_E_EXISTS : 0);
	}
	T_EQ(t_version(s.reg), s.version + THREADS + 1);
	end_scene(&s);
}

/* Commits that clearly fail: each thread tries alone and hears of its own failure, and nothing of its edit is made. */
static void threads_on_a_full_disk(void)
{
	struct errand errands[THREADS];
	struct scene s = set_scene_of_threads(errands);
	struct peer *thread[THREADS];

	line_up(&s, s.reg, thread, errands);
	t_fail_disk(t_path(&s.w, "registry/registry.mdb"), T_DATA_PAGES, ENOSPC);
	peer_go_on(thread[0]);
	for (unsigned i = 0; i < THREADS; i++)
		T_ERR(SEGREG_E_NOSPC, peer_end(thread[i], NULL));
	T_CHECK(t_failed_writes() > THREADS);
	t_fail_disk(t_path(&s.w, "registry/registry.mdb"), T_DATA_PAGES, 0);
	T_EQ(t_version(s.reg), s.version);
	for (unsigned i = 0; i < THREADS; i++) {
		T_EQ(t_state(s.reg, 20 + i), SEGREG_E_NOENT);
		T_OK(peer_call(thread[i], do_errand, &errands[i], sizeof(errands[i])));
	}
	T_EQ(t_stats(s.reg).repairs, 0);
	end_threads(s.reg, thread);
	end_scene(&s);
}

static int count_difference(void *arg, const struct segreg_finding *finding)
{
	*(unsigned *)arg += finding->kind == SEGREG_FOUND_DIFFERENCE;
	return 0;
}

/*
 * The leader's commit fails, and another process stands inside the table lock: the leader cannot give back the slots
 * that it took. A repair frees them, and they are others' when the threads' edits are planned anew.
 */
static void leader_cannot_undo(void)
{
	struct errand errands[THREADS];
	struct scene s = set_scene_of_threads(errands);
	struct segreg *hasty = t_open_with(&s.w, (struct segreg_open_options){ .timeout_ms = SHORT_MS });
	struct peer *thread[THREADS], *closes = s.rider[0];
	unsigned differences = 0;

	T_OK(peer_pin(closes, LIVE_ID));
	thread[0] = peer_start(&s.w, PEER_THREAD);
	T_OK(peer_use(thread[0], hasty));
	peer_run_to(thread[0], "group.leading", do_errand, &errands[0], sizeof(errands[0]));
	for (unsigned i = 1; i < THREADS; i++) {
		thread[i] = peer_start(&s.w, PEER_THREAD);
		T_OK(peer_use(thread[i], s.reg));
		peer_run_to(thread[i], i == 1 ? "letter.posted" : "queue.joined", do_errand, &errands[i],
			    sizeof(errands[i]));
	}
	peer_stop_at(thread[0], "edit.prepared", 1);
	peer_go_on(thread[0]);
	T_CHECK(peer_stands(thread[0]));
	peer_run_to(closes, "lane.emptying", peer_do_close, NULL, 0);
	t_fail_disk(t_path(&s.w, "registry/registry.mdb"), T_DATA_PAGES, ENOSPC);
	peer_go_on(thread[0]);
	T_ERR(SEGREG_E_NOSPC, peer_end(thread[0], NULL));
	T_CHECK(t_failed_writes() > 0);
	t_fail_disk(t_path(&s.w, "registry/registry.mdb"), T_DATA_PAGES, 0);
	peer_go_on(closes);
	T_OK(peer_end(closes, NULL));
	T_OK(peer_call(s.leader, do_errand, &(struct errand){ .add = LEADERS, .then = LEADERS + 1 },
		       sizeof(struct errand)));
	T_EQ(t_stats(s.reg).repairs, 1);
	go_on_behind(thread);
	for (unsigned i = 1; i < THREADS; i++)
		end(thread[i]);
	T_OK(segreg_register(s.reg, LEADERS + 2, t_segment(LEADERS + 2)));
	for (uint64_t id = LEADERS; id <= LEADERS + 2; id++)
		T_EQ(t_state(s.reg, id), SEGREG_LIVE);
	for (unsigned i = 0; i < THREADS; i++)
		T_EQ(t_state(s.reg, 20 + i), i ? SEGREG_LIVE : SEGREG_E_NOENT);
	T_OK(segreg_check(s.reg, 0, count_difference, &differences));
	T_EQ(differences, 0);
	end_threads(s.reg, thread);
	t_close(hasty);
	end_scene(&s);
}

/* ---------------------------------------------------------------- refusals */

/* Memory for the riders; for the record and the list of the letter's edit. The threads in the queue lead themselves. */
static void no_memory_for_threads(void)
{
	for (failing_malloc = 1; failing_malloc <= 3; failing_malloc++) {
		struct errand errands[THREADS];
		struct scene s = set_scene_of_threads(errands);
		struct peer *thread[THREADS];

		line_up_behind(&s, s.reg, thread, errands, do_starving);
		go_on_behind(thread);
		peer_go_on(thread[0]);
		for (unsigned i = 0; i < THREADS; i++) {
			T_OK(peer_end(thread[i], NULL));
			T_EQ(t_state(s.reg, 20 + i), SEGREG_LIVE);
		}
		T_EQ(t_version(s.reg), s.version + THREADS);
		end_threads(s.reg, thread);
		end_scene(&s);
	}
}

T_SUITE(group_threads, { "two threads of one handle commit while somebody leads", two_threads_of_one_handle },
	{ "eight threads of one handle are committed together", threads_together },
	{ "one thread of eight is refused, with its own text, and the others are not", one_thread_is_refused },
	{ "threads wait behind another process's leader", threads_behind_a_leader },
	{ "threads wait behind another process's leader, which is killed", threads_behind_a_dead_leader },
	{ "what is too much for threads together is tried by each alone", threads_too_many_together },
	{ "a thread in the queue gives up, and its edit is never made", thread_gives_up },
	{ "a thread whose edit is taken waits for its answer when its time is up", thread_waits_while_taken },
	{ "a thread comes too late for a leader, and is called when the commit lock is free",
	  thread_too_late_for_a_leader },
	{ "a commit of threads has an unknown outcome: REOPEN to each, all or nothing", threads_of_an_unknown_commit },
	{ "a full disk: each thread tries alone, and fails with NOSPC", threads_on_a_full_disk },
	{ "a leader cannot give back its threads' slots: their edits get others", leader_cannot_undo },
	{ "a leader without memory for threads commits alone, and so do they", no_memory_for_threads });
