/*
 * scene.c - a registry with something of everything in it, and the processes that use it.
 */
#include "base/sr_lockinfo.h"
#include "harness.h"
#include "registry/sr_registry.h"
#include "scene.h"
#include "sys/sr_sys.h"

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

#define SIZE 300u /* of a file */

static struct ledger *ledger; /* one scene at a time */

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

	snprintf(path, sizeof(paths[0]), "%sseg-%" PRIu64, id % 2 ? "" : SCENE_SHELF "/", id);
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

bool scene_is_intact(const struct scene *scene, uint64_t id)
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

bool scene_is_there(const struct scene *scene, uint64_t id)
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

struct segreg *scene_open_here(const struct scene *scene)
{
	struct segreg *reg = NULL;

	T_OK(scene_open(scene, &reg));
	return reg;
}

/* Read what is pinned, as its reader would: by the pin. */
int scene_do_read_pins(struct peer_self *self, void *arg)
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

int scene_do_unpin_all(struct peer_self *self, void *arg)
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
int scene_do_go_on(struct peer_self *self, void *arg)
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
	T_OK(scene_do_go_on(self, arg));
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
		reg = scene_open_here(scene);
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
	reg = scene_open_here(scene);
	if (!t_exists(&scene->world, SCENE_SHELF))
		T_SYS(mkdir(t_path(&scene->world, SCENE_SHELF), 0755));
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
	scene->told = 0;
	t_remove_world(scene->world.base);
	T_SYS(mkdir(scene->world.base, 0700));
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
