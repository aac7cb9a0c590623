/*
 * scene_audit.c - the judgement of a scene: what should have become of each segment, and whether it is so.
 */
#include "base/sr_lockinfo.h"
#include "fault.h"
#include "harness.h"
#include "registry/sr_registry.h"
#include "scene.h"
#include "sys/sr_sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- truth */

static bool is_as(const struct scene *scene, int state, const struct truth *truth, uint64_t id)
{
	bool is_gone = state == SEGREG_E_NOENT && !scene_is_there(scene, id);

	switch (truth->fate[id]) {
	case STRANGER:
		return state == SEGREG_E_NOENT && (truth->has_files[id] ? scene_is_intact(scene, id) : is_gone);
	case LIVE:
		return state == SEGREG_LIVE && scene_is_intact(scene, id);
	case RETIRED:
		if (truth->leased == id)
			return state == SEGREG_PENDING && scene_is_intact(scene, id);
		return (state == SEGREG_PENDING && scene_is_intact(scene, id)) || state == SEGREG_DELETING ||
		       (truth->swept && is_gone) ||
		       (truth->vacated == id && state == SEGREG_PENDING && !scene_is_there(scene, id));
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
		const char *files = !scene_is_there(scene, id) ? "gone" : "damaged";

		if (is_as(scene, state, truth, id))
			continue;
		if (scene_is_intact(scene, id))
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
	static const char *const ours[] = { SCENE_SHELF, "registry", ".segreg", ".segreg-lock", T_TRASH };

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
	check_directory(scene, reg, truth, SCENE_SHELF "/");
	T_EQ(t_count_entries(&scene->world, T_TRASH), 0);
	T_EQ(t_count_entries(&scene->world, "registry"), 2);
}

static void let_go(struct scene *scene)
{
	if (!scene->keeper)
		return;
	T_OK(peer_call(scene->keeper, scene_do_read_pins, NULL, 0));
	T_OK(peer_call(scene->keeper, scene_do_unpin_all, NULL, 0));
}

/* What a lease holds is whole when all processes have let go of it and a sweep has ended. Then the lease ends. */
static void drop_lease(const struct scene *scene, struct segreg *reg, const struct truth *truth)
{
	if (!truth->leased)
		return;
	T_EQ(t_state(reg, truth->leased), SEGREG_PENDING);
	T_CHECK(scene_is_intact(scene, truth->leased));
	T_OK(segreg_lease_drop(reg, SCENE_LEASE));
	sweep_up(reg);
}

/* After everything was let go of and swept, what is live is what the truth says, and so is the disk. */
static void check_rest(const struct scene *scene, struct segreg *reg, const struct truth *truth)
{
	T_OK(segreg_list(reg, check_unpinned, NULL));
	for (uint64_t id = 0; id < IDS; id++) {
		T_EQ(t_state(reg, id), truth->fate[id] == LIVE ? (int)SEGREG_LIVE : SEGREG_E_NOENT);
		T_CHECK(scene_is_there(scene, id) == (truth->fate[id] == LIVE || truth->has_files[id]));
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
static void check_journal(struct scene *scene, struct segreg *reg, const struct end lives[IDS])
{
	struct ends ends = { .number = scene->told };

	T_OK(segreg_log(reg, scene->told, note_end, &ends));
	for (uint64_t id = 0; id < IDS; id++)
		T_CHECK(!lives[id].registered_at || has_ended(&ends, id, lives[id].born, lives[id].registered_at));
	scene->told = ends.number;
}

static void clear_up(struct scene *scene, struct segreg *reg, const struct truth *truth)
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
	check_journal(scene, reg, lives);
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
		T_OK(peer_call(scene->keeper, scene_do_go_on, NULL, 0));
	reg = scene_open_here(scene);
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
