/*
 * group.c - edits that travel with another process's commit: what each call returns, and what is in the registry then.
 * All goes well, or a process is refused, or writes what is wrong.
 */
#include "group.h"
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

static int do_reserve(struct peer_self *self, void *arg)
{
	uint64_t id = *(uint64_t *)arg;

	return segreg_reserve(self->reg, id, t_segment(id));
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
	T_EQ(t_version(s.reg), s.version + 1 + RIDERS);
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
	T_EQ(t_version(s.reg), s.version + 2);
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
	T_EQ(t_version(s.reg), s.version);
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
	T_EQ(t_version(s.reg), s.version + 2);
	T_EQ(t_stats(s.reg).live, 3);
	end_scene(&s);
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
		T_EQ(t_version(s.reg), s.version + 1 + RIDERS);
		end_scene(&s);
	}
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
	T_EQ(t_version(reg), 1);
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
	{ "a rider is refused, and the others are not", one_is_refused },
	{ "the leader is refused, and its riders are not", the_leader_is_refused },
	{ "all are refused, and nothing is committed", all_are_refused },
	{ "what is too much together is tried by each alone", too_many_together },
	{ "a leader without memory for its riders commits alone, and so do they", no_memory_for_others },
	{ "forged letters are refused", lies }, { "letters with random bytes harm nobody", random_lies },
	{ "forged states, answers and hints harm nobody", lies_about_states });
