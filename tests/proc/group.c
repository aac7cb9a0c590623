/*
 * group.c - edits that travel with another process's commit: what each call returns, and what is in the registry then.
 * All goes well, or a process is refused, killed, stopped or writes what is wrong.
 *
 * A leader stands with the commit lock while riders post their letters. Then it goes on, or does not.
 */
#include "fault.h"
#include "harness.h"
#include "peer.h"
#include "reboot.h"
#include "registry/sr_registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

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

static uint64_t version_of(struct segreg *reg)
{
	uint64_t version = UINT64_MAX;

	T_OK(segreg_version(reg, &version));
	return version;
}

static int do_errand(struct peer_self *self, void *arg)
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

static int open_hasty(struct peer_self *self, void *arg)
{
	const struct segreg_open_options options = { .size = sizeof(options), .timeout_ms = SHORT_MS };

	(void)arg;
	return segreg_open(self->world.dir, &options, &self->reg);
}

static int do_reserve(struct peer_self *self, void *arg)
{
	uint64_t id = *(uint64_t *)arg;

	return segreg_reserve(self->reg, id, t_segment(id));
}

static void note_before(struct scene *s)
{
	s->version = version_of(s->reg);
	s->txn = s->reg->region.header->txn;
	s->commits = t_stats(s->reg).commits;
}

static struct scene set_scene_with(struct segreg_open_options options)
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

static struct scene set_scene(void)
{
	return set_scene_with((struct segreg_open_options){ .size = 0 });
}

static void end_scene(struct scene *s)
{
	t_close(s->reg);
}

static void begin_to_lead(struct scene *s, struct errand errand)
{
	peer_run_to(s->leader, "group.leading", do_errand, &errand, sizeof(errand));
}

/* It is on its way once the leader goes on. */
static void post(struct scene *s, unsigned i, struct errand errand)
{
	peer_run_to(s->rider[i], "letter.posted", do_errand, &errand, sizeof(errand));
	peer_go_on(s->rider[i]);
}

/* The leader and all riders each with an addition. */
static void post_all(struct scene *s)
{
	begin_to_lead(s, (struct errand){ .add = LEADERS });
	for (unsigned i = 0; i < RIDERS; i++)
		post(s, i, (struct errand){ .add = LEADERS + 1 + i, .expected = s->version + 1 + i });
}

static void lead_to(struct scene *s, const char *point, unsigned nth)
{
	peer_stop_at(s->leader, point, nth);
	peer_go_on(s->leader);
	T_CHECK(peer_stands(s->leader));
}

static struct errand end(struct peer *peer)
{
	struct errand errand;

	T_OK(peer_end(peer, &errand));
	return errand;
}

/* ---------------------------------------------------------------- when all goes well */

static void acknowledged(void)
{
	struct scene s = set_scene();

	post_all(&s);
	peer_go_on(s.leader);
	T_EQ(end(s.leader).version, s.version + 1);
	for (unsigned i = 0; i < RIDERS; i++)
		T_EQ(end(s.rider[i]).version, s.version + 2 + i);
	T_EQ(s.reg->region.header->txn, s.txn + 1);
	T_EQ(t_stats(s.reg).commits, s.commits + 1);
	T_CHECK(t_stats(s.reg).commit_ns >= t_stats(s.reg).commit_ns_max && t_stats(s.reg).commit_ns_max > 0);
	T_EQ(version_of(s.reg), s.version + 1 + RIDERS);
	for (unsigned i = 0; i < RIDERS; i++)
		peer_kill(s.rider[i]);
	peer_kill(s.leader);
	t_close(s.reg);
	t_reboot(&s.w);
	s.reg = t_open(&s.w);
	for (unsigned i = 0; i <= RIDERS; i++) {
		T_EQ(t_state(s.reg, LEADERS + i), SEGREG_LIVE);
		T_EQ(t_info(s.reg, LEADERS + i).born, s.version + 1 + i);
	}
	end_scene(&s);
}

static void own_reservations(void)
{
	struct scene s = set_scene();
	uint64_t ids[] = { 20, 21 };

	for (unsigned i = 0; i < 2; i++) {
		T_OK(peer_call(s.rider[i], do_reserve, &ids[i], sizeof(ids[i])));
		t_make_segment(&s.w, ids[i]);
	}
	note_before(&s);
	begin_to_lead(&s, (struct errand){ .add = LEADERS });
	post(&s, 0, (struct errand){ .add = 20 });
	post(&s, 2, (struct errand){ .add = 21 }); /* not its own */
	peer_go_on(s.leader);
	end(s.leader);
	end(s.rider[0]);
	T_ERR(SEGREG_E_EXISTS, peer_end(s.rider[2], NULL));
	T_HAS(t_last_text(), "segment 21 is reserved, but not by this process");
	T_EQ(s.reg->region.header->txn, s.txn + 1);
	T_EQ(t_state(s.reg, 20), SEGREG_LIVE);
	T_EQ(t_state(s.reg, 21), SEGREG_BUILDING);
	peer_kill(s.rider[1]);
	T_EQ(t_sweep(s.reg).deleted, 1);
	end_scene(&s);
}

static int do_become(struct peer_self *self, void *arg)
{
	(void)self;
	T_SYS(seteuid(*(uid_t *)arg));
	T_SYS(prctl(PR_SET_DUMPABLE, 1)); /* for LeakSanitizer */
	return 0;
}

static void without_rights(void)
{
	uid_t root = 0, nobody = 65534;
	struct scene s = set_scene();

	if (geteuid() != 0)
		T_SKIP("needs root, to take rights away");
	T_SYS(chmod(t_path(&s.w, "%s", ""), 0755));
	T_SYS(chmod(t_path(&s.w, "registry"), 0755));
	T_SYS(chmod(t_path(&s.w, "registry/registry.lock"), 0666));
	T_SYS(chmod(t_path(&s.w, "registry/registry.mdb"), 0644));
	T_OK(peer_call(s.rider[0], do_become, &nobody, sizeof(nobody)));
	begin_to_lead(&s, (struct errand){ .add = LEADERS });
	peer_begin(s.rider[0], do_errand, &(struct errand){ .retire = LIVE_ID }, sizeof(struct errand));
	T_ERR(SEGREG_E_PERM, peer_end(s.rider[0], NULL));
	T_HAS(t_last_text(), "registry.mdb");
	peer_go_on(s.leader);
	end(s.leader);
	T_EQ(t_state(s.reg, LIVE_ID), SEGREG_LIVE);
	T_CHECK(segreg_retire(s.reg, LIVE_ID) == 0);
	T_OK(peer_call(s.rider[0], do_become, &root, sizeof(root))); /* LeakSanitizer again */
	end_scene(&s);
}

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
	T_EQ(version_of(s.reg), s.version + 3);
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
	T_EQ(version_of(s.reg), s.version + THREADS - 2);
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
	T_EQ(version_of(s.reg), s.version + THREADS + !dies);
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
	T_EQ(version_of(s.reg), s.version + 3);
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
	T_EQ(version_of(s.reg), s.version + 1);
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
	T_EQ(version_of(s.reg), s.version + THREADS);
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
	T_EQ(version_of(s.reg), s.version + 3);
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
	T_EQ(version_of(s.reg), s.version + THREADS + 1);
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
	T_EQ(version_of(s.reg), s.version);
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

static void one_is_refused(void)
{
	struct scene s = set_scene();

	begin_to_lead(&s, (struct errand){ .add = LEADERS });
	post(&s, 0, (struct errand){ .add = 11, .retire = 99 }); /* half of it is written by then */
	post(&s, 1, (struct errand){ .add = 12, .expected = s.version });
	post(&s, 2, (struct errand){ .add = 13, .retire = LIVE_ID });
	peer_go_on(s.leader);
	T_EQ(end(s.leader).version, s.version + 1);
	T_ERR(SEGREG_E_NOENT, peer_end(s.rider[0], NULL));
	T_HAS(t_last_text(), "segment 99 is not registered");
	T_ERR(SEGREG_E_CONFLICT, peer_end(s.rider[1], NULL));
	T_EQ(end(s.rider[2]).version, s.version + 2);
	T_EQ(s.reg->region.header->txn, s.txn + 1);
	T_EQ(version_of(s.reg), s.version + 2);
	T_EQ(t_state(s.reg, 11), SEGREG_E_NOENT);
	T_EQ(t_state(s.reg, 12), SEGREG_E_NOENT);
	T_EQ(t_state(s.reg, 13), SEGREG_LIVE);
	T_EQ(t_state(s.reg, LIVE_ID), SEGREG_PENDING);
	end_scene(&s);
}

static int do_refused(struct peer_self *self, void *arg)
{
	int rc = do_errand(self, arg);

	T_HAS(segreg_last_error(), "segment 98 is not registered"); /* and not a rider's trouble */
	return rc;
}

static void the_leader_is_refused(void)
{
	struct scene s = set_scene();
	struct errand errand = { .add = LEADERS, .retire = 98 };

	peer_run_to(s.leader, "group.leading", do_refused, &errand, sizeof(errand));
	post(&s, 0, (struct errand){ .add = 11 });
	post(&s, 1, (struct errand){ .retire = 97 });
	peer_go_on(s.leader);
	T_ERR(SEGREG_E_NOENT, peer_end(s.leader, NULL));
	T_EQ(end(s.rider[0]).version, s.version + 1);
	T_ERR(SEGREG_E_NOENT, peer_end(s.rider[1], NULL));
	T_HAS(t_last_text(), "segment 97 is not registered");
	T_EQ(t_state(s.reg, LEADERS), SEGREG_E_NOENT);
	T_EQ(t_state(s.reg, 11), SEGREG_LIVE);
	end_scene(&s);
}

static void all_are_refused(void)
{
	struct scene s = set_scene();

	begin_to_lead(&s, (struct errand){ .retire = 99 });
	post(&s, 0, (struct errand){ .retire = 98 });
	peer_go_on(s.leader);
	T_ERR(SEGREG_E_NOENT, peer_end(s.leader, NULL));
	T_ERR(SEGREG_E_NOENT, peer_end(s.rider[0], NULL));
	T_EQ(version_of(s.reg), s.version);
	T_EQ(s.reg->region.header->txn, s.txn);
	T_OK(segreg_retire(s.reg, LIVE_ID)); /* nobody has to repair anything */
	T_EQ(t_stats(s.reg).repairs, 0);
	end_scene(&s);
}

/* Together the edits need too many segments. Each call returns what its edit alone would. */
static void too_many_together(void)
{
	struct scene s = set_scene_with((struct segreg_open_options){ .max_segments = 3 });
	unsigned full = 0;

	post_all(&s);
	peer_go_on(s.leader);
	full += peer_end(s.leader, NULL) == SEGREG_E_FULL;
	for (unsigned i = 0; i < RIDERS; i++) {
		struct errand errand;
		int rc = peer_end(s.rider[i], &errand);

		T_CHECK(rc == 0 || rc == SEGREG_E_FULL || rc == SEGREG_E_CONFLICT);
		full += rc != 0;
	}
	T_EQ(full, 2);
	T_EQ(version_of(s.reg), s.version + 2);
	T_EQ(t_stats(s.reg).live, 3);
	end_scene(&s);
}

static unsigned failing_malloc;

static int do_starving(struct peer_self *self, void *arg)
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

/* Memory for the riders; for the record and the list of each one's edit. */
static void no_memory_for_others(void)
{
	for (failing_malloc = 1; failing_malloc <= 1 + 2 * RIDERS; failing_malloc++) {
		struct scene s = set_scene();
		struct errand errand = { .add = LEADERS };

		peer_run_to(s.leader, "group.leading", do_starving, &errand, sizeof(errand));
		for (unsigned i = 0; i < RIDERS; i++)
			post(&s, i, (struct errand){ .add = LEADERS + 1 + i });
		peer_go_on(s.leader);
		T_OK(peer_end(s.leader, NULL));
		for (unsigned i = 0; i < RIDERS; i++)
			end(s.rider[i]);
		T_EQ(version_of(s.reg), s.version + 1 + RIDERS);
		end_scene(&s);
	}
}

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
		T_EQ(version_of(s.reg), s.version + THREADS);
		end_threads(s.reg, thread);
		end_scene(&s);
	}
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
		T_EQ(version_of(s.reg), s.version + made + RIDERS);
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
		T_EQ(version_of(s.reg), s.version + 1 + RIDERS);
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
		T_EQ(version_of(s.reg), s.version + made + 2);
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
		T_EQ(version_of(s.reg), s.version + 1 + RIDERS);
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
	T_EQ(version_of(s.reg), s.version + 1 + RIDERS);
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
	T_EQ(version_of(s.reg), s.version + 1 + RIDERS);
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
	T_EQ(version_of(s.reg), s.version + 4);
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
	T_EQ(version_of(s.reg), s.version + RIDERS);
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
	T_EQ(version_of(s.reg), s.version + 1);
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

/* ---------------------------------------------------------------- lies */

/* A letter of these bytes, posted in the lane of a handle that is open; what the leader answered. */
static int forge(struct segreg *leader, struct segreg *liar, const void *bytes, size_t size, uint32_t length)
{
	struct sr_letter *letter = &liar->row->letter;

	memset(letter->edit, 0, sizeof(letter->edit));
	memcpy(letter->edit, bytes, size);
	letter->length = length;
	letter->seq++;
	letter->code = 77;
	sr_store_release_u32(&letter->state, SR_LETTER_POSTED);
	sr_or_seqcst_u64(&liar->region.header->posted[liar->lane / 64], 1ull << liar->lane % 64);
	T_ERR(SEGREG_E_NOENT, segreg_retire(leader, 99));
	T_EQ(sr_load_acquire_u32(&letter->state), SR_LETTER_DONE);
	sr_store_release_u32(&letter->state, SR_LETTER_FREE);
	return letter->code;
}

#define FORGE(bytes, length) forge(reg, liar, bytes, sizeof(bytes) - 1, length)
#define ID "\1\0\0\0\0\0\0\0"
#define EIGHT "\1\2\3\4\5\6\7\0"
#define INODE EIGHT EIGHT EIGHT EIGHT EIGHT "\1"
#define SIXTY_FIVE EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT "u"

static void lies(void)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w), *liar = t_open(&w);

	T_EQ(FORGE("", 0), SEGREG_E_CORRUPT);                             /* nothing */
	T_EQ(FORGE("\0", UINT32_MAX), SEGREG_E_CORRUPT);                  /* more than there is */
	T_EQ(FORGE("\377", 1), SEGREG_E_CORRUPT);                         /* unknown flags */
	T_EQ(FORGE("\1", 1), SEGREG_E_CORRUPT);                           /* a version that is not there */
	T_EQ(FORGE("\4token", 6), SEGREG_E_CORRUPT);                      /* half a token */
	T_EQ(FORGE("\0\3" ID, 9), SEGREG_E_CORRUPT);                      /* half an id */
	T_EQ(FORGE("\0\0" ID, 10), SEGREG_E_CORRUPT);                     /* no operation */
	T_EQ(FORGE("\0\2" ID, 10), SEGREG_E_CORRUPT);                     /* publishing is not asked for by name */
	T_EQ(FORGE("\0\4" ID, 10), SEGREG_E_CORRUPT);                     /* reserving does not travel */
	T_EQ(FORGE("\0\1" ID INODE "\377\377seg", 56), SEGREG_E_CORRUPT); /* a path without end */
	T_EQ(FORGE("\0\1" ID INODE "\4\0seg", 56), SEGREG_E_CORRUPT);     /* and just without */
	T_EQ(FORGE("\0\1" ID INODE "\3\0s\0g", 56), SEGREG_E_CORRUPT);    /* two paths in one */
	T_EQ(FORGE("\0\1" ID INODE "\3\0seg", 56), SEGREG_E_CORRUPT);     /* no length of user bytes */
	T_EQ(FORGE("\0\1" ID INODE "\3\0seg\2u", 58), SEGREG_E_CORRUPT);  /* half of them */
	T_EQ(FORGE("\0\1" ID INODE "\3\0seg\101" SIXTY_FIVE, 122), SEGREG_E_CORRUPT); /* more than there can be */
	T_EQ(FORGE("\0\1" ID INODE "\0\0\0", 54), SEGREG_E_PATH);                     /* no path */
	T_EQ(FORGE("\0\1" ID INODE "\5\0../up\0", 59), SEGREG_E_PATH);                /* up and away */
	T_EQ(FORGE("\0\1" ID INODE "\4\0/etc\0", 58), SEGREG_E_PATH);
	T_EQ(FORGE("\0\3" ID, 10), SEGREG_E_NOENT);         /* honest, and wrong */
	T_EQ(FORGE("\0\1" ID INODE "\3\0seg\2u\0", 59), 0); /* honest */
	T_EQ(t_state(reg, 1), SEGREG_LIVE);
	T_EQ(version_of(reg), 1);
	t_close(liar);
	t_close(reg);
}

/* An honest letter with some bytes changed never harms the leader, and at most does what it says. */
static void random_lies(void)
{
	static const char honest[] = "\7" ID "sixteen letters!"
				     "\3" ID "\1" ID INODE "\3\0seg\0"
				     "\5" ID;
	struct t_world w = t_world(T_MEMORY);
	struct segreg *reg = t_open(&w), *liar = t_open(&w);
	unsigned refused = 0;

	srand(1);
	for (unsigned turn = 0; turn < 3000; turn++) {
		char bytes[sizeof(honest)];
		uint32_t length = turn % 3 ? sizeof(honest) - 1 : (uint32_t)rand() % 2000;

		memcpy(bytes, honest, sizeof(bytes));
		for (unsigned i = 0; i < 1 + turn % 4; i++)
			bytes[(unsigned)rand() % sizeof(bytes)] = (char)rand();
		refused += forge(reg, liar, bytes, sizeof(bytes), length) != 0;
	}
	T_CHECK(refused > 2000);
	T_EQ(t_stats(reg).repairs, 0);
	t_close(liar);
	t_close(reg);
}

/* States that no letter has, an answer that no call gives, bits of lanes that are not there. */
static void lies_about_states(void)
{
	struct scene s = set_scene();
	struct segreg *liar = t_open(&s.w);
	struct sr_letter *letter = &liar->row->letter;
	struct sr_header *header = s.reg->region.header;

	memset(header->posted, 0xff, sizeof(header->posted));
	header->company = UINT32_MAX;
	header->sync_time = UINT64_MAX;
	sr_store_release_u32(&letter->state, 77);
	T_OK(segreg_register(s.reg, 11, t_segment(11)));
	T_OK(segreg_register(liar, 12, t_segment(12)));
	begin_to_lead(&s, (struct errand){ .add = LEADERS });
	post(&s, 0, (struct errand){ .add = 13 });
	letter = &sr_region_row(&s.reg->region, 2)->letter; /* the first rider's */
	letter->code = 5;
	letter->seq += 7;
	sr_store_release_u32(&letter->state, SR_LETTER_DONE);
	T_ERR(SEGREG_E_CORRUPT, peer_end(s.rider[0], NULL));
	T_HAS(t_last_text(), "answered with 5");
	peer_go_on(s.leader);
	end(s.leader);
	t_close(liar);
	end_scene(&s);
}

T_SUITE(group, { "riders are acknowledged by a leader's commit, each with its version, durably", acknowledged },
	{ "a rider publishes its own reservation, and no other's", own_reservations },
	{ "who may not write registry.mdb does not have it written by a leader either", without_rights },
	{ "two threads of one handle commit while somebody leads", two_threads_of_one_handle },
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
	{ "a rider is refused, and the others are not", one_is_refused },
	{ "the leader is refused, and its riders are not", the_leader_is_refused },
	{ "all are refused, and nothing is committed", all_are_refused },
	{ "what is too much together is tried by each alone", too_many_together },
	{ "a leader without memory for its riders commits alone, and so do they", no_memory_for_others },
	{ "a leader without memory for threads commits alone, and so do they", no_memory_for_threads },
	{ "a leader is killed anywhere: its riders' edits are made, once", leader_killed },
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
	{ "a leader is stopped with a letter and killed: REOPEN, and the edit is never made", stopped_and_killed },
	{ "forged letters are refused", lies }, { "letters with random bytes harm nobody", random_lies },
	{ "forged states, answers and hints harm nobody", lies_about_states });
