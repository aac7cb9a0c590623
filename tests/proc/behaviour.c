/*
 * behaviour.c - what a registry inside one process is held to holds here as well, and between processes too.
 */
#include "behaviour.h"
#include "harness.h"
#include "peer.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- as the holder sees it */

static int do_is_live(struct peer_self *self, void *arg)
{
	const uint64_t *id = arg;

	return segreg_is_live(self->reg, *id);
}

static int is_live_there(struct scene *s, uint64_t id)
{
	return peer_call(s->holder, do_is_live, &id, sizeof(id));
}

static int do_stats(struct peer_self *self, void *arg)
{
	return segreg_stats(self->reg, arg);
}

static int do_base_path(struct peer_self *self, void *arg)
{
	snprintf(arg, T_PATH_SIZE, "%s", segreg_base_path(self->reg));
	return 0;
}

static int do_pin_path(struct peer_self *self, void *arg)
{
	return segreg_pin_path(self->reg, &self->pin[self->pins - 1], arg, T_PATH_SIZE);
}

/* ---------------------------------------------------------------- behaviours */

static void registry_creation(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct segreg_stats there = { .size = sizeof(there) };
	char base[T_PATH_SIZE] = "";

	T_STR(segreg_base_path(s.reg), s.world.base);
	T_EQ(count(&s, "live"), 0);
	T_EQ(count(&s, "pending"), 0);
	T_OK(peer_call(s.holder, do_base_path, base, sizeof(base)));
	T_STR(base, s.world.base);
	T_OK(peer_call(s.holder, do_stats, &there, sizeof(there)));
	T_EQ(there.live + there.pending + there.deleting, 0);
	T_EQ(there.version, 0);
	strike(&s);
}

static void register_segment(enum peer_kind kind)
{
	struct scene s = set(kind);

	t_add(&s.world, s.reg, 1);
	T_EQ(segreg_is_live(s.reg, 1), 1);
	T_EQ(is_live_there(&s, 1), 1);
	t_make_segment(&s.world, 2);
	T_OK(peer_register(s.holder, 2, t_segment(2)));
	T_EQ(segreg_is_live(s.reg, 2), 1);
	T_EQ(segreg_is_live(s.reg, 3), 0);
	T_EQ(count(&s, "live"), 2);
	T_EQ(count(&s, "pending"), 0);
	strike(&s);
}

static void mark_for_deletion(enum peer_kind kind)
{
	struct scene s = set(kind);

	t_add(&s.world, s.reg, 1);
	t_add(&s.world, s.reg, 2);
	T_OK(segreg_retire(s.reg, 1));
	T_EQ(segreg_is_live(s.reg, 1), 0);
	T_EQ(is_live_there(&s, 1), 0);
	T_EQ(t_state(s.reg, 1), SEGREG_PENDING);
	T_EQ(count(&s, "live"), 1);
	T_EQ(count(&s, "pending"), 1);
	T_OK(peer_retire(s.holder, 2));
	T_EQ(segreg_is_live(s.reg, 2), 0);
	T_EQ(count(&s, "pending"), 2);
	T_CHECK(t_exists(&s.world, "seg-1/data"));
	T_CHECK(t_exists(&s.world, "seg-2/data"));
	strike(&s);
}

static void get_segment(enum peer_kind kind)
{
	struct scene s = set(kind);
	char path[T_PATH_SIZE] = "";

	t_add(&s.world, s.reg, 1);
	T_ERR(SEGREG_E_NOENT, peer_pin(s.holder, 2));
	T_EQ(t_refcount(s.reg, 1), 0);
	T_OK(peer_pin(s.holder, 1));
	T_EQ(t_refcount(s.reg, 1), 1);
	T_OK(peer_call(s.holder, do_pin_path, path, sizeof(path)));
	T_STR(path, t_path(&s.world, "seg-1"));
	T_OK(peer_unpin(s.holder, 1));
	T_EQ(t_refcount(s.reg, 1), 0);
	strike(&s);
}

static void force_remove(enum peer_kind kind)
{
	struct scene s = set(kind);

	t_add(&s.world, s.reg, 1);
	t_add(&s.world, s.reg, 2);
	T_OK(segreg_force_remove(s.reg, 1, 0));
	T_EQ(t_state(s.reg, 1), SEGREG_E_NOENT);
	T_OK(peer_pin(s.holder, 2));
	T_OK(segreg_retire(s.reg, 2));
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(s.reg, 2, 0));
	T_EQ(t_state(s.reg, 2), SEGREG_PENDING);
	T_OK(segreg_force_remove(s.reg, 2, SEGREG_FORCE));
	T_EQ(t_state(s.reg, 2), SEGREG_E_NOENT);
	T_OK(peer_unpin(s.holder, 2));
	T_EQ(t_sweep(s.reg).deleted, 0);
	T_EQ(count(&s, "live") + count(&s, "pending"), 0);
	T_CHECK(t_exists(&s.world, "seg-1/data"));
	T_CHECK(t_exists(&s.world, "seg-2/data"));
	strike(&s);
}

static void stats(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct segreg_stats there = { .size = sizeof(there) };

	for (uint64_t id = 1; id <= 5; id++)
		t_add(&s.world, s.reg, id);
	T_OK(peer_pin(s.holder, 4));
	T_OK(segreg_retire(s.reg, 4));
	T_OK(segreg_retire(s.reg, 5));
	T_OK(peer_call(s.holder, do_stats, &there, sizeof(there)));
	T_EQ(there.live, 3);
	T_EQ(there.pending, 2);
	T_EQ(there.deleting, 0);
	T_EQ(there.version, 7);
	T_EQ(there.lanes, kind == PEER_THREAD ? 1 : 2);
	t_sweep(s.reg);
	T_OK(peer_call(s.holder, do_stats, &there, sizeof(there)));
	T_EQ(there.live, 3);
	T_EQ(there.pending, 1);
	T_EQ(there.deleted, 1);
	T_CHECK(there.bytes_freed >= 4096);
	strike(&s);
}

#define REGISTRANTS 10
#define EACH 10

static int do_register_several(struct peer_self *self, void *arg)
{
	const uint64_t *first = arg;

	for (uint64_t id = *first; id < *first + EACH; id++)
		T_OK(segreg_register(self->reg, id, t_segment(id)));
	return 0;
}

static void concurrent_access(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct peer *registrant[REGISTRANTS];

	for (uint64_t i = 0; i < REGISTRANTS * EACH; i++)
		t_make_segment(&s.world, i);
	for (unsigned i = 0; i < REGISTRANTS; i++) {
		registrant[i] = peer_start(&s.world, kind);
		T_OK(join(registrant[i], kind, s.reg));
	}
	for (uint64_t i = 0; i < REGISTRANTS; i++)
		peer_begin(registrant[i], do_register_several, &(uint64_t){ i * EACH }, sizeof(uint64_t));
	for (unsigned i = 0; i < REGISTRANTS; i++)
		T_OK(peer_end(registrant[i], NULL));
	T_EQ(count(&s, "live"), REGISTRANTS * EACH);
	for (uint64_t i = 0; i < REGISTRANTS * EACH; i++)
		T_EQ(is_live_there(&s, i), 1);
	T_EQ(t_stats(s.reg).version, REGISTRANTS * EACH);
	for (unsigned i = 0; i < REGISTRANTS; i++)
		peer_exit(registrant[i]);
	strike(&s);
}

static void stats_display(enum peer_kind kind)
{
	struct scene s = set(kind);
	struct segreg_stats there = { .size = sizeof(there) };
	const char *line = "Registry: 2 live, 1 pending deletion, 3 total";
	char buf[80], shorter[10];

	for (uint64_t id = 1; id <= 3; id++)
		t_add(&s.world, s.reg, id);
	T_OK(peer_retire(s.holder, 3));
	T_OK(peer_call(s.holder, do_stats, &there, sizeof(there)));
	T_EQ(segreg_stats_format(&there, buf, sizeof(buf)), strlen(line));
	T_STR(buf, line);
	T_EQ(segreg_stats_format(&there, shorter, sizeof(shorter)), strlen(line));
	T_STR(shorter, "Registry:");
	strike(&s);
}

/* ---------------------------------------------------------------- twice each */

#define BEHAVIOURS(X)                                                                                                  \
	X(registry_creation, "a new registry holds nothing")                                                           \
	X(register_segment, "a registered segment is live for everybody")                                              \
	X(mark_for_deletion, "a retired segment is no longer live, and its files stay")                                \
	X(get_segment, "a pin counts and leads to the files")                                                          \
	X(force_remove, "an unregistered segment is forgotten and its files stay")                                     \
	X(stats, "the counts are those of everybody's work")                                                           \
	X(concurrent_access, "10 registrants at once lose nothing")                                                    \
	X(stats_display, "the one line tells live, pending and total")

BEHAVIOURS(TWICE)

T_SUITE(behaviour, BEHAVIOURS(LIST));
