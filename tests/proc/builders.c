/*
 * builders.c - segments under construction: what can be reserved, what is published, and who is building it.
 */
#include "builders.h"
#include "fault.h"
#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int do_unreserve(struct peer_self *self, void *arg)
{
	uint64_t id;

	memcpy(&id, arg, sizeof(id));
	return segreg_unreserve(self->reg, id);
}

/* ---------------------------------------------------------------- publishing */

static void built_and_published(void)
{
	struct scene s = set();
	struct segreg_info info;

	t_add(&s.world, s.reg, 1);
	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	T_EQ(t_state(s.reg, 7), SEGREG_BUILDING);
	T_EQ(t_stats(s.reg).building, 1);
	T_EQ(t_version(s.reg), 1);
	T_EQ(segreg_is_live(s.reg, 7), 0);
	T_ERR(SEGREG_E_NOENT, segreg_register(s.reg, 7, "seg-7")); /* nothing is written yet */
	t_make_segment(&s.world, 7);
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_CHECK(t_exists(&s.world, "seg-7/data"));
	T_OK(segreg_register(s.reg, 7, "seg-7"));
	info = t_info(s.reg, 7);
	T_EQ(info.state, SEGREG_LIVE);
	T_EQ(info.born, 2);
	T_EQ(info.is_directory, 1);
	T_EQ(info.held_since, 0);
	T_CHECK(info.registered_at > 0);
	T_EQ(t_version(s.reg), 2);
	T_EQ(t_stats(s.reg).building, 0);
	T_OK(peer_pin(s.builder, 7));
	T_OK(segreg_register(s.reg, 7, "seg-7"));
	T_EQ(t_version(s.reg), 2);
	t_close(s.reg);
	s.reg = t_open(&s.world);
	T_EQ(t_sweep(s.reg).deleted, 0); /* it is not its builder's any more */
	T_OK(segreg_retire(s.reg, 7));
	T_OK(peer_unpin(s.builder, 7));
	T_EQ(t_sweep(s.reg).deleted, 1);
	strike(&s);
}

static void a_file_is_built(void)
{
	struct scene s = set();

	T_OK(segreg_reserve(s.reg, 7, "file"));
	t_make_file(&s.world, "file", 1000);
	T_OK(segreg_register(s.reg, 7, "file"));
	T_EQ(t_info(s.reg, 7).is_directory, 0);
	T_OK(segreg_reserve(s.reg, 8, "other"));
	t_make_file(&s.world, "other", 1000);
	T_OK(segreg_unreserve(s.reg, 8));
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_CHECK(t_exists(&s.world, "file") && !t_exists(&s.world, "other"));
	strike(&s);
}

static void another_handle_cannot_publish(void)
{
	struct scene s = set();

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_ERR(SEGREG_E_EXISTS, peer_register(s.builder, 7, "seg-7"));
	T_ERR(SEGREG_E_NOENT, peer_call(s.builder, do_unreserve, &(uint64_t){ 7 }, sizeof(uint64_t)));
	T_EQ(t_state(s.reg, 7), SEGREG_BUILDING);
	T_EQ(t_version(s.reg), 0);
	T_OK(segreg_register(s.reg, 7, "seg-7"));
	strike(&s);
}

/* All handles of a process die with it. */
static void another_handle_of_the_process(void)
{
	struct scene s = set();
	struct segreg *second = t_open(&s.world);

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	T_OK(segreg_reserve(s.reg, 8, "seg-8"));
	T_OK(segreg_reserve(s.reg, 9, "seg-9"));
	for (uint64_t id = 7; id <= 9; id++)
		t_make_segment(&s.world, id);
	T_OK(segreg_register(second, 7, "seg-7"));
	T_OK(segreg_unreserve(second, 8));
	T_ERR(SEGREG_E_EXISTS, peer_register(s.builder, 9, "seg-9"));
	t_close(s.reg); /* which ends the reservation, whatever other handles there are */
	T_ERR(SEGREG_E_EXISTS, segreg_register(second, 9, "seg-9"));
	T_ERR(SEGREG_E_NOENT, segreg_unreserve(second, 9));
	s.reg = t_open(&s.world); /* in the lane of the one that was closed */
	T_ERR(SEGREG_E_EXISTS, segreg_register(second, 9, "seg-9"));
	T_EQ(t_sweep(second).deleted, 2);
	T_EQ(t_state(second, 7), SEGREG_LIVE);
	T_CHECK(t_exists(&s.world, "seg-7") && !t_exists(&s.world, "seg-8") && !t_exists(&s.world, "seg-9"));
	t_close(second);
	strike(&s);
}

static int do_run_on(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_reserve(self->reg, 20, "seg-20");
}

/* The other handle's edit goes as a letter to a leader in another process, who has to find out whose process it is. */
static void another_handle_by_letter(void)
{
	struct scene s = set();
	struct segreg *second = t_open(&s.world);
	struct peer *thread = peer_start(&s.world, PEER_THREAD);
	struct peer_registration seven = { .id = 7, .path = "seg-7" };

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_OK(peer_use(thread, second));
	peer_run_to(s.builder, "group.leading", do_run_on, NULL, 0);
	peer_run_to(thread, "letter.posted", peer_do_register, &seven, sizeof(seven));
	peer_go_on(s.builder);
	T_OK(peer_end(s.builder, NULL));
	peer_go_on(thread);
	T_OK(peer_end(thread, NULL));
	T_EQ(t_state(s.reg, 7), SEGREG_LIVE);
	peer_exit(thread);
	t_close(second);
	strike(&s);
}

static void nobody_uses_what_is_building(void)
{
	struct scene s = set();
	struct segreg_pin pin;

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_ERR(SEGREG_E_NOENT, segreg_pin(s.reg, 7, 0, &pin));
	T_ERR(SEGREG_E_NOENT, segreg_pin(s.reg, 7, SEGREG_PIN_LIVE, &pin));
	T_ERR(SEGREG_E_NOENT, peer_pin(s.builder, 7));
	T_ERR(SEGREG_E_NOENT, peer_retire(s.builder, 7));
	T_ERR(SEGREG_E_NOENT, segreg_retire(s.reg, 7));
	T_HAS(t_last_text(), "segment 7 is only reserved; process ");
	T_EQ(t_refcount(s.reg, 7), 0);
	T_EQ(t_state(s.reg, 7), SEGREG_BUILDING);
	T_EQ(t_version(s.reg), 0);
	strike(&s);
}

static void unregistering_what_is_building(void)
{
	struct scene s = set();

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(s.reg, 7, 0));
	T_EQ(t_state(s.reg, 7), SEGREG_BUILDING);
	T_OK(segreg_force_remove(s.reg, 7, SEGREG_FORCE));
	T_EQ(t_state(s.reg, 7), SEGREG_E_NOENT);
	T_EQ(t_stats(s.reg).building, 0);
	T_ERR(SEGREG_E_NOENT, segreg_unreserve(s.reg, 7));
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_CHECK(t_exists(&s.world, "seg-7/data")); /* the caller's again */
	T_OK(segreg_register(s.reg, 7, "seg-7"));
	T_OK(segreg_reserve(s.reg, 8, "seg-8"));
	T_OK(segreg_unreserve(s.reg, 8));
	t_make_segment(&s.world, 8);
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(s.reg, 8, 0));
	T_OK(segreg_force_remove(s.reg, 8, SEGREG_FORCE)); /* to be deleted, and that has not begun */
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_CHECK(t_exists(&s.world, "seg-8/data"));
	strike(&s);
}

/* What a reservation leaves in the trash when it is forgotten is not taken for the next one's. */
static void unregistering_what_cannot_be_deleted(void)
{
	struct scene s = set();

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	T_CHECK(t_info(s.reg, 7).registered_at > 0);
	t_make_segment(&s.world, 7);
	T_OK(segreg_unreserve(s.reg, 7));
	t_fail_call("unlinkat", 1, EIO);
	T_EQ(t_sweep(s.reg).failed, 1);
	t_fail_call(NULL, 0, 0);
	T_EQ(t_count_entries(&s.world, T_TRASH), 1);
	T_EQ(strangers(s.reg), 0);
	T_OK(segreg_force_remove(s.reg, 7, SEGREG_FORCE));
	T_EQ(strangers(s.reg), 1);
	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_OK(segreg_unreserve(s.reg, 7));
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_CHECK(!t_exists(&s.world, "seg-7"));
	T_EQ(t_count_entries(&s.world, T_TRASH), 1); /* the caller's */
	T_EQ(strangers(s.reg), 1);
	strike(&s);
}

/* ---------------------------------------------------------------- what can be reserved */

static void what_is_taken_is_refused(void)
{
	struct scene s = set();

	t_add(&s.world, s.reg, 1);
	t_make_dir(&s.world, "there", 10);
	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 1, "new"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 7, "new"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 7, "seg-7"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 8, "seg-7"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 8, "seg-7/below"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 8, "seg-1/below"));
	T_ERR(SEGREG_E_EXISTS, reserve_there(&s, 8, "seg-7"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 8, "there"));
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 8, "there/data"));
	T_ERR(SEGREG_E_NOENT, segreg_reserve(s.reg, 8, "missing/new"));
	T_ERR(SEGREG_E_NOENT, segreg_reserve(s.reg, 8, "there/data/new"));
	T_OK(segreg_reserve(s.reg, 8, "there/new"));
	t_make_segment(&s.world, 7);
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 9, "seg-7"));
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 7, "there"));
	T_EQ(t_stats(s.reg).building, 2);
	T_EQ(t_stats(s.reg).live, 1);
	T_OK(segreg_register(s.reg, 7, "seg-7"));
	strike(&s);
}

static void unusable_paths_are_refused(void)
{
	struct scene s = set();
	static const char *const unusable[] = {
		"", "/tmp/x", "..", "a/../b", "a//b", "registry/x", ".segreg", T_TRASH, "link/x", "link",
	};

	T_SYS(symlink("/tmp", t_path(&s.world, "link")));
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++)
		T_ERR(SEGREG_E_PATH, segreg_reserve(s.reg, 7, unusable[i]));
	T_ERR(SEGREG_E_INVAL, segreg_reserve(s.reg, 7, NULL));
	T_ERR(SEGREG_E_INVAL, segreg_reserve(NULL, 7, "seg-7"));
	T_ERR(SEGREG_E_NOENT, segreg_unreserve(s.reg, 7));
	T_EQ(t_stats(s.reg).building, 0);
	strike(&s);
}

static void reservations_fill_the_registry(void)
{
	struct scene s = { .world = t_world(T_MEMORY) };
	char path[16];

	s.reg = t_open_with(&s.world, (struct segreg_open_options){ .max_segments = 10 });
	s.builder = peer_start(&s.world, PEER_PROCESS);
	T_OK(peer_open(s.builder));
	for (uint64_t id = 0; id < 10; id++) {
		snprintf(path, sizeof(path), "seg-%d", (int)id);
		T_OK(id % 2 ? reserve_there(&s, id, path) : segreg_reserve(s.reg, id, path));
	}
	T_ERR(SEGREG_E_FULL, segreg_reserve(s.reg, 10, "seg-10"));
	t_make_segment(&s.world, 11);
	T_ERR(SEGREG_E_FULL, segreg_register(s.reg, 11, "seg-11"));
	t_make_segment(&s.world, 0);
	T_OK(segreg_register(s.reg, 0, "seg-0")); /* has its place */
	T_OK(segreg_unreserve(s.reg, 2));
	T_ERR(SEGREG_E_FULL, segreg_register(s.reg, 11, "seg-11"));
	T_EQ(t_sweep(s.reg).deleted, 1);
	T_OK(segreg_register(s.reg, 11, "seg-11"));
	peer_kill(s.builder);
	T_EQ(t_sweep(s.reg).deleted, 5);
	for (uint64_t id = 20; id < 25; id++)
		T_OK(segreg_reserve(s.reg, id, t_segment(id)));
	T_ERR(SEGREG_E_FULL, segreg_reserve(s.reg, 25, "seg-25"));
	t_close(s.reg);
}

/* ---------------------------------------------------------------- giving up */

static void unreserved_files_go(void)
{
	struct scene s = set();
	struct segreg_sweep_result swept;
	uint64_t bytes;

	T_OK(segreg_reserve(s.reg, 7, "seg-7"));
	write_something(&s.world, "seg-7");
	bytes = t_disk_usage(&s.world, "seg-7");
	T_OK(segreg_unreserve(s.reg, 7));
	T_EQ(t_state(s.reg, 7), SEGREG_DELETING);
	T_ERR(SEGREG_E_NOENT, segreg_unreserve(s.reg, 7));
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 7, "seg-7"));
	T_EQ(t_info(s.reg, 7).held_since, 0);
	swept = t_sweep(s.reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.bytes_freed, bytes);
	T_CHECK(!t_exists(&s.world, "seg-7"));
	T_EQ(t_count_entries(&s.world, T_TRASH), 0);
	T_EQ(t_version(s.reg), 0);
	T_OK(segreg_reserve(s.reg, 7, "seg-7")); /* nothing was written */
	T_OK(segreg_unreserve(s.reg, 7));
	swept = t_sweep(s.reg);
	T_EQ(swept.deleted, 1);
	T_EQ(swept.bytes_freed, 0);
	strike(&s);
}

/* ---------------------------------------------------------------- naming the builder */

/* Who builds what is in the way, and what ends that. */
static void errors_name_the_builder(void)
{
	struct scene s = set();
	char builder[48];

	snprintf(builder, sizeof(builder), "; process %lld is building it", (long long)peer_pid(s.builder));
	T_OK(reserve_there(&s, 7, "seg-7"));
	t_make_segment(&s.world, 7);
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 7, "seg-7"));
	T_HAS(t_last_text(), builder);
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 8, "seg-7"));
	T_HAS(t_last_text(), builder);
	peer_kill(s.builder);
	for (uint64_t id = 7; id <= 8; id++) {
		T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, id, "seg-7"));
		T_HAS(t_last_text(), "; its builder is gone, and a sweep deletes what it built: segctl sweep");
	}
	T_ERR(SEGREG_E_EXISTS, segreg_reserve(s.reg, 7, "elsewhere"));
	T_HAS(t_last_text(), "segctl sweep");
	T_EQ(t_sweep(s.reg).deleted, 1);
	t_add(&s.world, s.reg, 7);
	T_OK(segreg_retire(s.reg, 7));
	T_ERR(SEGREG_E_EXISTS, segreg_register(s.reg, 8, "seg-7"));
	T_HAS(t_last_text(), "; segctl why 7 says when");
	t_close(s.reg);
}

static int note_listed(void *arg, const struct segreg_info *info)
{
	*(uint64_t *)arg = *(uint64_t *)arg * 100 + info->id;
	return 0;
}

/* The ids of segreg_list_retired, as digits of one number. */
static uint64_t to_be_deleted(struct segreg *reg)
{
	uint64_t ids = 0;

	T_OK(segreg_list_retired(reg, note_listed, &ids));
	return ids;
}

static void lists_name_the_builder(void)
{
	struct scene s = set();
	struct segreg *closed = t_open(&s.world);
	int64_t pid = peer_pid(s.builder);

	T_OK(reserve_there(&s, 11, "seg-11"));
	T_OK(segreg_reserve(closed, 12, "seg-12"));
	T_EQ(t_info(s.reg, 11).builder_pid, pid);
	T_EQ(t_info(s.reg, 12).builder_pid, getpid());
	T_EQ(t_info(s.reg, 11).is_builder_foreign, 0);
	T_EQ(t_info(s.reg, 11).is_abandoned + t_info(s.reg, 12).is_abandoned, 0);
	T_EQ(to_be_deleted(s.reg), 0);
	peer_stop(s.builder);
	t_close(closed);
	T_EQ(t_info(s.reg, 11).is_abandoned, 0);
	T_EQ(t_info(s.reg, 12).is_abandoned, 1);
	T_EQ(t_info(s.reg, 12).builder_pid, 0);
	T_EQ(to_be_deleted(s.reg), 12);
	peer_kill(s.builder);
	T_EQ(t_info(s.reg, 11).is_abandoned, 1);
	T_EQ(t_info(s.reg, 11).builder_pid, pid);
	t_add(&s.world, s.reg, 13);
	T_EQ(to_be_deleted(s.reg), 1112);
	T_EQ(t_info(s.reg, 13).is_abandoned, 0);
	T_EQ(t_sweep(s.reg).deleted, 2);
	T_EQ(to_be_deleted(s.reg), 0);
	t_close(s.reg);
}

T_SUITE(builders, { "a reserved segment is built, published and then like any other", built_and_published },
	{ "a file can be built as well as a directory", a_file_is_built },
	{ "only the process that reserved can publish or give up", another_handle_cannot_publish },
	{ "another handle of the process publishes, while the first is open", another_handle_of_the_process },
	{ "another handle of the process can publish by a letter to another process", another_handle_by_letter },
	{ "nobody pins or retires what is being built", nobody_uses_what_is_building },
	{ "what is being built is unregistered with force only", unregistering_what_is_building },
	{ "a reservation that cannot be deleted and is unregistered leaves nothing that counts as the next one's",
	  unregistering_what_cannot_be_deleted },
	{ "what is taken, or on the disk already, cannot be reserved", what_is_taken_is_refused },
	{ "a path that cannot be a segment's cannot be reserved", unusable_paths_are_refused },
	{ "reservations count against max_segments until they are swept up", reservations_fill_the_registry },
	{ "what was written for a reservation that was given up goes", unreserved_files_go },
	{ "a refusal names the builder of what is in the way, dead or alive", errors_name_the_builder },
	{ "lists name the builder of a reservation, and show whether it is gone", lists_name_the_builder });
