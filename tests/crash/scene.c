/*
 * scene.c - a registry with something of everything in it, what should have become of each segment, and whether it is
 * so.
 */
#include "scene.h"
#include "fault.h"
#include "harness.h"
#include "base/sr_lockinfo.h"
#include "registry/sr_registry.h"
#include "sys/sr_sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 300u     /* of a file */
#define SHELF "shelf" /* the directory of the even ones */

static struct ledger *ledger; /* one scene at a time */
static uint64_t told;         /* the number of the journal's last entry in the turns before */

/* ---------------------------------------------------------------- files */

static bool is_file(uint64_t id)
{
	return id % 3 == 0;
}

static bool is_tree(uint64_t id)
{
	return id % 4 == 0;
}

const char *scene_path(uint64_t id)
{
	static char paths[IDS][64];
	char *path = paths[id % IDS];

	snprintf(path, sizeof(paths[0]), "%sseg-%" PRIu64, id % 2 ? "" : SHELF "/", id);
	return path;
}

static void make_files(const struct t_world *w, uint64_t id)
{
	char sub[96];

	if (is_file(id)) {
		t_make_file(w, scene_path(id), SIZE);
		return;
	}
	t_make_dir(w, scene_path(id), SIZE);
	snprintf(sub, sizeof(sub), "%s/sub", scene_path(id));
	if (is_tree(id))
		t_make_dir(w, sub, SIZE);
}

void scene_make_files(const struct scene *scene, uint64_t id)
{
	int fd;

	make_files(&scene->world, id);
	if (!scene->is_durable)
		return;
	fd = T_SYS(open(scene->world.base, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	T_SYS(syncfs(fd));
	close(fd);
}

static bool has_pattern(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool has = fd != -1 && t_fd_has_pattern(fd, SIZE);

	if (fd != -1)
		close(fd);
	return has;
}

static bool is_intact(const struct scene *scene, uint64_t id)
{
	const char *path = t_path(&scene->world, "%s", scene_path(id));
	char inside[SEGREG_PATH_SIZE];

	if (is_file(id))
		return has_pattern(path);
	snprintf(inside, sizeof(inside), "%s/data", path);
	if (!has_pattern(inside))
		return false;
	snprintf(inside, sizeof(inside), "%s/sub/data", path);
	return !is_tree(id) || has_pattern(inside);
}

static bool is_there(const struct scene *scene, uint64_t id)
{
	return t_exists(&scene->world, scene_path(id));
}

/* ---------------------------------------------------------------- those who are there */

int scene_open(const struct scene *scene, struct segreg **reg)
{
	const struct segreg_open_options options = {
		.size = sizeof(options),
		.flags = SEGREG_CREATE,
		.max_segments = 64,
		.max_lanes = 8,
	};

	return segreg_open(scene->world.dir, &options, reg);
}

static struct segreg *open_here(const struct scene *scene)
{
	struct segreg *reg = NULL;

	T_OK(scene_open(scene, &reg));
	return reg;
}

/* Read what is pinned, as its reader would: by the pin. */
static int do_read_pins(struct peer_self *self, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < self->pins; i++) {
		int fd = -1;

		T_OK(segreg_pin_open(self->reg, &self->pin[i], is_file(self->pin[i].id) ? NULL : "data", &fd));
		T_CHECK(t_fd_has_pattern(fd, SIZE));
		close(fd);
	}
	return 0;
}

static int do_unpin_all(struct peer_self *self, void *arg)
{
	(void)arg;
	while (self->pins)
		T_OK(segreg_unpin(self->reg, &self->pin[--self->pins]));
	return 0;
}

static int do_keep(struct peer_self *self, void *arg)
{
	static const uint64_t kept[] = { 1, 2, 5 };

	(void)arg;
	T_OK(segreg_pin_many(self->reg, kept, 3, 0, self->pin));
	self->pins = 3;
	return 0;
}

/* Everything that takes a lock. */
static int do_go_on(struct peer_self *self, void *arg)
{
	struct segreg_sweep_options dry = { .size = sizeof(dry), .flags = SEGREG_SWEEP_DRY_RUN };
	struct segreg_pin pin;

	(void)arg;
	T_ERR(SEGREG_E_NOENT, segreg_pin(self->reg, NOBODY, 0, &pin));
	T_ERR(SEGREG_E_NOENT, segreg_retire(self->reg, NOBODY));
	T_OK(segreg_sweep(self->reg, &dry, NULL));
	return 0;
}

static int do_open(struct peer_self *self, void *arg)
{
	const struct scene scene = { .world = self->world };

	(void)arg;
	return scene_open(&scene, &self->reg);
}

static int do_probe(struct peer_self *self, void *arg)
{
	T_OK(do_open(self, arg));
	T_OK(do_go_on(self, arg));
	return peer_do_close(self, NULL);
}

void scene_probe(struct scene *scene)
{
	T_OK(peer_call(scene->prober, do_probe, NULL, 0));
}

/* ---------------------------------------------------------------- furniture */

struct scene scene_set(enum company company)
{
	return scene_set_at(t_world(T_MEMORY), company);
}

struct scene scene_set_at(struct t_world world, enum company company)
{
	struct scene scene = { .world = world, .ledger = ledger };

	told = 0;
	scene.prober = peer_start(&scene.world, PEER_PROCESS);
	if (company == ALONE)
		return scene;
	scene.keeper = peer_start(&scene.world, PEER_PROCESS);
	T_OK(peer_call(scene.keeper, do_open, NULL, 0));
	return scene;
}

static void die_at(const char *point)
{
	if (strcmp(point, "trash.renamed") == 0)
		kill(getpid(), SIGKILL);
}

/* A process that pins, builds and sweeps, and dies of it. */
static void lose_somebody(const struct scene *scene)
{
	struct segreg_pin pin;
	struct segreg *reg;
	int status;
	pid_t pid = T_SYS(fork());

	if (pid == 0) {
		reg = open_here(scene);
		T_OK(segreg_pin(reg, 2, 0, &pin));
		T_OK(segreg_pin(reg, 6, 0, &pin));
		T_OK(segreg_reserve(reg, 9, scene_path(9)));
		scene_make_files(scene, 9);
		sr_stop_hook = die_at;
		T_OK(segreg_sweep(reg, NULL, NULL));
		_exit(1);
	}
	T_EQ(waitpid(pid, &status, 0), pid);
	T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	T_CHECK(t_count_entries(&scene->world, T_TRASH) == 1);
}

static void fill_registry(const struct scene *scene, struct segreg *reg)
{
	struct segreg_edit *edit;

	T_OK(segreg_edit_begin(reg, &edit));
	for (uint64_t id = 1; id <= 8; id++)
		T_OK(segreg_edit_add(edit, id, scene_path(id)));
	T_OK(segreg_edit_commit(edit, NULL));
	T_OK(segreg_retire(reg, 8));
	lose_somebody(scene);
	T_OK(segreg_edit_begin(reg, &edit));
	for (uint64_t id = 5; id <= 7; id++)
		T_OK(segreg_edit_retire(edit, id));
	T_OK(segreg_edit_commit(edit, NULL));
}

static void note_furniture(const struct scene *scene)
{
	struct truth *now = &scene->ledger->now;

	for (uint64_t id = 0; id < IDS; id++) {
		now->fate[id] = id == 0 || id > 9 ? STRANGER : id <= 4 ? LIVE : id <= 8 ? RETIRED : RESERVED;
		now->has_files[id] = id >= 10 && id <= 12;
	}
}

static void begin_turn(const struct scene *scene)
{
	unsigned turn = scene->ledger->turn + 1;

	memset(scene->ledger, 0, sizeof(*scene->ledger));
	scene->ledger->turn = turn;
}

void scene_furnish(struct scene *scene)
{
	struct segreg *reg;

	begin_turn(scene);
	reg = open_here(scene);
	if (!t_exists(&scene->world, SHELF))
		T_SYS(mkdir(t_path(&scene->world, SHELF), 0755));
	for (uint64_t id = 1; id <= 12; id++)
		if (id != 9)
			scene_make_files(scene, id);
	fill_registry(scene, reg);
	if (scene->keeper)
		T_OK(peer_call(scene->keeper, do_keep, NULL, 0));
	note_furniture(scene);
	T_OK(segreg_version(reg, &scene->ledger->now.version));
	scene->ledger->now.undone = false;
	scene->ledger->next = scene->ledger->now;
	t_close(reg);
}

void scene_empty(struct scene *scene)
{
	begin_turn(scene);
	told = 0;
	t_remove_world(scene->world.base);
	T_SYS(mkdir(scene->world.base, 0700));
}

/* ---------------------------------------------------------------- truth */

static bool is_as(const struct scene *scene, int state, const struct truth *truth, uint64_t id)
{
	bool is_gone = state == SEGREG_E_NOENT && !is_there(scene, id);

	switch (truth->fate[id]) {
	case STRANGER:
		return state == SEGREG_E_NOENT && (truth->has_files[id] ? is_intact(scene, id) : is_gone);
	case LIVE:
		return state == SEGREG_LIVE && is_intact(scene, id);
	case RETIRED:
		if (truth->leased == id)
			return state == SEGREG_PENDING && is_intact(scene, id);
		return (state == SEGREG_PENDING && is_intact(scene, id)) || state == SEGREG_DELETING ||
		       (truth->swept && is_gone) ||
		       (truth->vacated == id && state == SEGREG_PENDING && !is_there(scene, id));
	case RESERVED:
		return state == SEGREG_BUILDING || (truth->swept && (state == SEGREG_DELETING || is_gone));
	}
	return false;
}

static int note_lease(void *arg, const struct segreg_lease *lease)
{
	T_STR(lease->name, SCENE_LEASE);
	T_EQ(lease->n, 1);
	*(uint64_t *)arg = lease->items[0].id;
	return 0;
}

const char *scene_fault(const struct scene *scene, struct segreg *reg, const struct truth *truth)
{
	static const char *const names[] = { "a stranger", "live", "retired", "reserved" };
	static char fault[160];
	uint64_t version = 0, leased = 0;

	for (uint64_t id = 0; id < IDS; id++) {
		int state = t_state(reg, id);
		const char *files = !is_there(scene, id) ? "gone" : "damaged";

		if (is_as(scene, state, truth, id))
			continue;
		if (is_intact(scene, id))
			files = "whole";
		snprintf(fault, sizeof(fault), "segment %" PRIu64 " should be %s and is %s, with its files %s", id,
			 names[truth->fate[id]],
			 state < 0 ? segreg_strerror(state) : segreg_state_name((enum segreg_state)state), files);
		return fault;
	}
	T_OK(segreg_lease_list(reg, note_lease, &leased));
	if (leased != truth->leased) {
		snprintf(fault, sizeof(fault), "a lease should list segment %" PRIu64 " and lists %" PRIu64,
			 truth->leased, leased);
		return fault;
	}
	T_OK(segreg_version(reg, &version));
	if (version == truth->version || (truth->undone && version == truth->version + 1))
		return NULL;
	snprintf(fault, sizeof(fault), "the version should be %" PRIu64 " and is %" PRIu64, truth->version, version);
	return fault;
}

/* Which of the two has come true? */
static const struct truth *find_truth(const struct scene *scene, struct segreg *reg)
{
	const char *fault = scene_fault(scene, reg, &scene->ledger->next);
	char as_next[160];

	if (!fault)
		return &scene->ledger->next;
	snprintf(as_next, sizeof(as_next), "%s", fault);
	fault = scene_fault(scene, reg, &scene->ledger->now);
	if (fault)
		T_FAIL("neither as acknowledged (%s) nor as if the change under way was made (%s)", fault, as_next);
	return &scene->ledger->now;
}

/* ---------------------------------------------------------------- audit */

static int count_segment(void *arg, const struct segreg_info *info)
{
	struct segreg_stats *walked = arg;

	walked->building += info->state == SEGREG_BUILDING;
	walked->live += info->state == SEGREG_LIVE;
	walked->pending += info->state == SEGREG_PENDING;
	walked->deleting += info->state == SEGREG_DELETING;
	walked->failed += info->state == SEGREG_DELETING && info->attempts;
	return 0;
}

static void check_counters(struct segreg *reg)
{
	struct segreg_stats walked = { 0 }, stats = t_stats(reg);

	T_OK(segreg_list(reg, count_segment, &walked));
	T_EQ(stats.building, walked.building);
	T_EQ(stats.live, walked.live);
	T_EQ(stats.pending, walked.pending);
	T_EQ(stats.deleting, walked.deleting);
	T_EQ(stats.failed, walked.failed);
}

/* The tables have given out as much as the live ones need. */
static void check_room(struct segreg *reg, const struct truth *truth)
{
	const struct sr_region *region = &reg->region;
	unsigned slots = 0, units = 0, used = 0;

	for (uint64_t id = 0; id < IDS; id++) {
		if (truth->fate[id] != LIVE)
			continue;
		slots++;
		units += ((unsigned)strlen(scene_path(id)) + SR_PATH_UNIT - 1) / SR_PATH_UNIT;
	}
	for (unsigned word = 0; word < region->header->path_top / SR_PATH_UNITS_MAX; word++)
		used += (unsigned)__builtin_popcountll(region->path_map[word]);
	T_EQ(region->header->slots_used, slots);
	T_EQ(used, units);
}

static int check_unpinned(void *arg, const struct segreg_info *info)
{
	(void)arg;
	T_EQ(info->pins, 0);
	T_EQ(info->state, SEGREG_LIVE);
	return 0;
}

/* Sweep until nothing is left to do; the clock goes past every back-off. */
static void sweep_up(struct segreg *reg)
{
	struct segreg_sweep_result again;

	t_clock_forward(2000);
	T_EQ(t_sweep(reg).failed, 0);
	again = t_sweep(reg);
	T_EQ(again.deleted + again.failed + again.waiting + again.reclaimed, 0);
}

static bool belongs(struct segreg *reg, const struct truth *truth, const char *path)
{
	static const char *const ours[] = { SHELF, "registry", ".segreg", ".segreg-lock", T_TRASH };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(path, ours[i]) == 0)
			return true;
	for (uint64_t id = 0; id < IDS; id++)
		if (strcmp(path, scene_path(id)) == 0)
			return t_state(reg, id) == SEGREG_LIVE || truth->has_files[id];
	return false;
}

static void check_directory(const struct scene *scene, struct segreg *reg, const struct truth *truth,
			    const char *prefix)
{
	DIR *dir = opendir(t_path(&scene->world, "%s", prefix));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[300];

		snprintf(path, sizeof(path), "%s%s", prefix, entry->d_name);
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && !belongs(reg, truth, path))
			T_FAIL("%s is left over", path);
	}
	if (dir)
		closedir(dir);
}

static void check_disk(const struct scene *scene, struct segreg *reg, const struct truth *truth)
{
	check_directory(scene, reg, truth, "");
	check_directory(scene, reg, truth, SHELF "/");
	T_EQ(t_count_entries(&scene->world, T_TRASH), 0);
	T_EQ(t_count_entries(&scene->world, "registry"), 2);
}

static void let_go(struct scene *scene)
{
	if (!scene->keeper)
		return;
	T_OK(peer_call(scene->keeper, do_read_pins, NULL, 0));
	T_OK(peer_call(scene->keeper, do_unpin_all, NULL, 0));
}

/* What a lease holds is whole when all processes have let go of it and a sweep has ended. Then the lease ends. */
static void drop_lease(const struct scene *scene, struct segreg *reg, const struct truth *truth)
{
	if (!truth->leased)
		return;
	T_EQ(t_state(reg, truth->leased), SEGREG_PENDING);
	T_CHECK(is_intact(scene, truth->leased));
	T_OK(segreg_lease_drop(reg, SCENE_LEASE));
	sweep_up(reg);
}

/* After everything was let go of and swept, what is live is what the truth says, and so is the disk. */
static void check_rest(const struct scene *scene, struct segreg *reg, const struct truth *truth)
{
	T_OK(segreg_list(reg, check_unpinned, NULL));
	for (uint64_t id = 0; id < IDS; id++) {
		T_EQ(t_state(reg, id), truth->fate[id] == LIVE ? (int)SEGREG_LIVE : SEGREG_E_NOENT);
		T_CHECK(is_there(scene, id) == (truth->fate[id] == LIVE || truth->has_files[id]));
	}
	check_disk(scene, reg, truth);
	check_counters(reg);
	check_room(reg, truth);
	T_EQ(t_stats(reg).lanes, scene->keeper ? 2 : 1);
}

/* ---------------------------------------------------------------- the journal */

#define ENDS_MAX 128u

struct ends {
	uint64_t number;
	uint32_t n;
	struct end {
		uint64_t id, born;
		int64_t registered_at;
	} end[ENDS_MAX]; /* of segments */
};

static bool has_ended(const struct ends *ends, uint64_t id, uint64_t born, int64_t registered_at)
{
	for (uint32_t i = 0; i < ends->n; i++)
		if (ends->end[i].id == id && ends->end[i].born == born && ends->end[i].registered_at == registered_at)
			return true;
	return false;
}

static int note_end(void *arg, const struct segreg_log_entry *entry)
{
	struct ends *ends = arg;

	T_EQ(entry->number, ends->number + 1);
	ends->number = entry->number;
	if (entry->kind != SEGREG_LOG_DELETED && entry->kind != SEGREG_LOG_FORGOTTEN)
		return 0;
	T_CHECK(!has_ended(ends, entry->id, entry->born, entry->registered_at));
	T_CHECK(ends->n < ENDS_MAX);
	ends->end[ends->n++] =
		(struct end){ .id = entry->id, .born = entry->born, .registered_at = entry->registered_at };
	return 0;
}

/* Each segment ends once, and none of those in lives, which were live before all was swept, is missing. */
static void check_journal(struct segreg *reg, const struct end lives[IDS])
{
	struct ends ends = { .number = told };

	T_OK(segreg_log(reg, told, note_end, &ends));
	for (uint64_t id = 0; id < IDS; id++)
		T_CHECK(!lives[id].registered_at || has_ended(&ends, id, lives[id].born, lives[id].registered_at));
	told = ends.number;
}

static void clear_up(const struct scene *scene, struct segreg *reg, const struct truth *truth)
{
	struct end lives[IDS] = { { 0 } };

	for (uint64_t id = 0; id < IDS; id++)
		if (truth->fate[id] == LIVE) {
			lives[id].born = t_info(reg, id).born;
			lives[id].registered_at = t_info(reg, id).registered_at;
			T_OK(segreg_retire(reg, id));
		} else if (truth->has_files[id])
			t_remove_tree(t_path(&scene->world, "%s", scene_path(id)));
	sweep_up(reg);
	T_EQ(t_stats(reg).live, 0);
	check_journal(reg, lives);
}

/* The name of the shared memory that registry.lock knows of. */
static void region_name(const struct scene *scene, char name[SR_REGION_NAME_SIZE])
{
	const char *path = t_path(&scene->world, "registry/registry.lock");
	struct sr_lockinfo info = { .present = false };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd != -1)
		T_OK(sr_lockinfo_read(fd, path, &info));
	if (fd != -1)
		close(fd);
	memcpy(name, info.region, SR_REGION_NAME_SIZE);
}

/* Neither by the name that registry.lock had, nor as it was mapped. */
static void check_region_is_gone(const struct scene *scene, const char *before)
{
	char now[SR_REGION_NAME_SIZE], path[SR_REGION_NAME_SIZE + 16];

	region_name(scene, now);
	T_STR(now, "");
	snprintf(path, sizeof(path), "/dev/shm%s", before);
	T_CHECK(!*before || access(path, F_OK) == -1);
	T_CHECK(!*scene->ledger->region || access(scene->ledger->region, F_OK) == -1);
}

void scene_audit(struct scene *scene)
{
	char region[SR_REGION_NAME_SIZE];
	const struct truth *truth;
	struct segreg *reg;

	region_name(scene, region);
	if (scene->keeper && scene->ledger->turn % 2) /* by turns an old process comes first, or a new one */
		T_OK(peer_call(scene->keeper, do_go_on, NULL, 0));
	reg = open_here(scene);
	T_ERR(SEGREG_E_NOENT, segreg_retire(reg, NOBODY)); /* repairs, if there is something to repair */
	T_OK(segreg_discard(reg, NULL, 0, 0));             /* makes durable what the dead discarded */
	truth = find_truth(scene, reg);
	check_counters(reg);
	sweep_up(reg);
	let_go(scene);
	sweep_up(reg);
	drop_lease(scene, reg, truth);
	check_rest(scene, reg, truth);
	clear_up(scene, reg, truth);
	t_close(reg);
	if (!scene->keeper)
		check_region_is_gone(scene, region);
}

/* ---------------------------------------------------------------- plays */

static void tell_where(void)
{
	size_t length = strlen(t_outcome->text);

	if (t_outcome->skipped)
		return;
	snprintf(t_outcome->text + length, sizeof(t_outcome->text) - length, " (turn %u, %s %s)", ledger->turn,
		 ledger->was_harmed ? "harmed at" : "after", ledger->where);
}

void scene_play(void (*fn)(const void *arg), const void *arg)
{
	int status;
	pid_t pid;

	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T_CHECK(ledger != MAP_FAILED);
	pid = T_SYS(fork());
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(arg);
		exit(0);
	}
	T_EQ(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		T_FAIL("killed by signal %d (turn %u, %s)", WTERMSIG(status), ledger->turn, ledger->where);
	if (status == 0)
		return;
	tell_where();
	_exit(WEXITSTATUS(status));
}
