/*
 * decisions.c - a decision to delete or to unregister is stopped or killed anywhere.
 * Nobody waits for it, and nobody sees it half made.
 *
 * The sweeper decides between "sweep.deciding" and "sweep.decided", with the table lock in hand. An unregistering is
 * durable at "change.durable", and decides between "remove.deciding" and its end (R1 to R6 of lib/edit/sr_remove.c).
 */
#include "fault.h"
#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <string.h>

#define SHORT_MS 50 /* the longest wait of those who must not wait: they would fail, not be slow */

struct stage {
	struct t_world world;
	struct peer *other; /* decides */
	struct segreg *reg; /* has no patience */
};

static struct stage set(unsigned segments)
{
	struct stage s = { .world = t_world(T_MEMORY) };

	s.reg = t_open(&s.world);
	for (uint64_t id = 1; id <= segments; id++)
		t_add(&s.world, s.reg, id);
	t_close(s.reg);
	s.reg = t_open_with(&s.world, (struct segreg_open_options){ .timeout_ms = SHORT_MS });
	s.other = peer_start(&s.world, PEER_PROCESS);
	T_OK(peer_open(s.other));
	return s;
}

/* Its count gets memory, so that later pins need no lock. */
static void pin_once(struct segreg *reg, uint64_t id)
{
	struct segreg_pin pin;

	T_OK(segreg_pin(reg, id, 0, &pin));
	T_OK(segreg_unpin(reg, &pin));
}

static int count_walked(struct segreg *reg, const struct segreg_snapshot *snapshot)
{
	struct segreg_entry entry = { .size = sizeof(entry) };
	int rc, n = 0;

	while ((rc = segreg_snapshot_next(reg, snapshot, &entry)) == 1)
		n++;
	T_OK(rc);
	return n;
}

/* ---------------------------------------------------------------- a sweep */

enum end { GOES_ON, DIES };

static void pin_while_deciding(const char *point, enum end end)
{
	struct stage s = set(2);
	struct segreg_pin pin, copy;
	struct segreg *patient;

	pin_once(s.reg, 1);
	T_OK(segreg_retire(s.reg, 1));
	T_OK(segreg_retire(s.reg, 2));
	peer_run_to(s.other, point, peer_do_sweep, NULL, 0);
	T_EQ(t_state(s.reg, 1), SEGREG_PENDING);
	T_OK(segreg_pin(s.reg, 1, 0, &pin));
	T_OK(segreg_pin_receive(s.reg, &pin, &copy));
	T_ERR(SEGREG_E_NOENT, segreg_pin(s.reg, 1, SEGREG_PIN_LIVE, &copy));
	T_EQ(t_state(s.reg, 1), SEGREG_PENDING);
	if (end == DIES) {
		peer_kill(s.other);
	} else {
		struct segreg_sweep_result result;

		peer_go_on(s.other);
		T_OK(peer_end(s.other, &result));
	}
	patient = t_open(&s.world);
	t_sweep(patient);
	T_EQ(t_state(patient, 1), SEGREG_PENDING);
	T_EQ(t_state(patient, 2), SEGREG_E_NOENT);
	T_CHECK(t_exists(&s.world, "seg-1/data"));
	T_EQ(t_refcount(patient, 1), 2);
	T_EQ(t_stats(patient).pending, 1);
	t_close(s.reg);
	T_EQ(t_sweep(patient).deleted, 1);
	T_CHECK(!t_exists(&s.world, "seg-1"));
	t_close(patient);
}

static void sweeper_stands(void)
{
	pin_while_deciding("sweep.deciding", GOES_ON);
}

static void sweeper_stands_before_the_last_step(void)
{
	pin_while_deciding("sweep.counted", GOES_ON);
}

static void sweeper_dies(void)
{
	pin_while_deciding("sweep.deciding", DIES);
	pin_while_deciding("sweep.counted", DIES);
}

/* It has counted, and is killed before it takes the decision back: its count goes with its lane. */
static void pinner_dies(void)
{
	struct stage s = set(1);
	struct peer *pinner = peer_start(&s.world, PEER_PROCESS);
	const uint64_t id = 1;
	struct segreg_sweep_result result;

	T_OK(peer_open(pinner));
	T_OK(peer_pin(pinner, id));
	T_OK(peer_unpin(pinner, id));
	T_OK(segreg_retire(s.reg, id));
	peer_run_to(s.other, "sweep.deciding", peer_do_sweep, NULL, 0);
	peer_run_to(pinner, "pin.deciding", peer_do_pin, &id, sizeof(id));
	peer_kill(pinner);
	peer_go_on(s.other);
	T_OK(peer_end(s.other, &result));
	T_EQ(t_state(s.reg, id), SEGREG_PENDING);
	T_EQ(t_sweep(s.reg).deleted, 1);
	t_close(s.reg);
}

static int do_register_three(struct peer_self *self, void *arg)
{
	(void)arg;
	t_make_segment(&self->world, 3);
	return segreg_register(self->reg, 3, t_segment(3));
}

/* The repair of tables alone: a process that holds the commit lock, and waits for the disk, keeps no other waiting. */
static void repair_without_the_commit_lock(void)
{
	struct stage s = set(2);
	struct peer *writer = peer_start(&s.world, PEER_PROCESS);
	struct segreg_pin pin;

	T_OK(peer_open(writer));
	T_OK(segreg_retire(s.reg, 1));
	peer_run_to(s.other, "sweep.deciding", peer_do_sweep, NULL, 0);
	peer_kill(s.other);
	peer_run_to(writer, "reconcile.read", do_register_three, NULL, 0);
	T_ERR(SEGREG_E_NOENT, segreg_pin(s.reg, 99, 0, &pin)); /* a miss asks under the table lock */
	T_EQ(t_refcount(s.reg, 1), 0);
	T_OK(segreg_pin(s.reg, 1, 0, &pin));
	T_EQ(t_stats(s.reg).pending, 1);
	peer_go_on(writer);
	T_OK(peer_end(writer, NULL));
	T_EQ(t_stats(s.reg).repairs, 1);
	T_EQ(t_sweep(s.reg).held, 1);
	T_OK(segreg_unpin(s.reg, &pin));
	T_EQ(t_sweep(s.reg).deleted, 1);
	t_close(s.reg);
}

/* ---------------------------------------------------------------- an unregistering */

static int do_unregister(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_force_remove(self->reg, 1, 0);
}

static int do_unregister_by_force(struct peer_self *self, void *arg)
{
	(void)arg;
	return segreg_force_remove(self->reg, 1, SEGREG_FORCE);
}

/* The unregistering has the commit lock. A sweep waits for that, and does not take it for another sweep. */
static void sweep_meets(struct stage *s, peer_fn *unregister)
{
	peer_run_to(s->other, "remove.prepared", unregister, NULL, 0);
	T_ERR(SEGREG_E_TIMEDOUT, segreg_sweep(s->reg, NULL, NULL));
	peer_go_on(s->other);
	T_OK(peer_end(s->other, NULL));
	T_EQ(t_state(s->reg, 1), SEGREG_E_NOENT);
	T_CHECK(t_exists(&s->world, "seg-1/data"));
	T_OK(segreg_sweep(s->reg, NULL, NULL));
}

static void sweep_meets_unregistering(void)
{
	struct stage s = set(1);

	sweep_meets(&s, do_unregister);
	T_OK(segreg_register(s.reg, 1, t_segment(1)));
	sweep_meets(&s, do_unregister_by_force);
	T_OK(segreg_register(s.reg, 1, t_segment(1)));
	T_OK(segreg_retire(s.reg, 1));
	t_fail_call("renameat2", 0, EIO);
	T_EQ(t_sweep(s.reg).failed, 1);
	t_fail_call(NULL, 0, 0);
	T_EQ(t_state(s.reg, 1), SEGREG_DELETING);
	sweep_meets(&s, do_unregister_by_force);
	t_close(s.reg);
}

/* A deletion at work: the sweep keeps what it deletes, at any of its steps. */
static void unregister_meets_sweep(void)
{
	static const char *const points[] = { "sweep.removed", "sweep.synced" };

	for (unsigned i = 0; i < sizeof(points) / sizeof(*points); i++) {
		struct stage s = set(1);

		T_OK(segreg_retire(s.reg, 1));
		peer_run_to(s.other, points[i], peer_do_sweep, NULL, 0);
		T_ERR(SEGREG_E_BUSY, segreg_force_remove(s.reg, 1, SEGREG_FORCE));
		peer_go_on(s.other);
		T_OK(peer_end(s.other, NULL));
		T_EQ(t_state(s.reg, 1), SEGREG_E_NOENT);
		T_CHECK(!t_exists(&s.world, "seg-1"));
		t_close(s.reg);
	}
}

static int count_forgotten(void *arg, const struct segreg_log_entry *entry)
{
	*(int *)arg += entry->kind == SEGREG_LOG_FORGOTTEN;
	return 0;
}

/* All say that segment 1 is there, as before; and that it stays so when everybody has gone and come. */
static void check_is_back(struct stage *s, enum segreg_state state)
{
	int forgotten = 0;

	for (int turn = 0; turn < 2; turn++) {
		struct segreg *patient = t_open(&s->world);
		struct segreg_info info = t_info(patient, 1);

		T_OK(segreg_log(patient, 0, count_forgotten, &forgotten)); /* repairs, on the way in */
		T_EQ(t_state(patient, 1), state);
		T_EQ(info.born, 1);
		T_EQ(t_stats(patient).live + t_stats(patient).pending, 2);
		T_STR(t_info(patient, 1).path, t_segment(1));
		t_close(patient);
		t_close(s->reg);
		s->reg = NULL;
	}
	T_EQ(forgotten, 0);
	T_CHECK(t_exists(&s->world, "seg-1/data"));
}

/* Between durable and shown, a snapshot of the old version is granted: the segment is its. */
static void snapshot_while_unregistering(enum segreg_snapshot_kind kind)
{
	struct stage s = set(2);
	struct segreg_snapshot snapshot;

	peer_run_to(s.other, "change.durable", do_unregister, NULL, 0);
	T_OK(segreg_snapshot_take(s.reg, kind, &snapshot));
	T_EQ(snapshot.version, 2);
	peer_go_on(s.other);
	T_ERR(SEGREG_E_BUSY, peer_end(s.other, NULL));
	if (kind == SEGREG_SNAPSHOT)
		T_EQ(count_walked(s.reg, &snapshot), 2);
	T_EQ(segreg_is_live(s.reg, 1), 1);
	T_OK(segreg_snapshot_release(s.reg, &snapshot));
	check_is_back(&s, SEGREG_LIVE);
}

static void snapshots_while_unregistering(void)
{
	snapshot_while_unregistering(SEGREG_SNAPSHOT);
	snapshot_while_unregistering(SEGREG_HORIZON);
}

static void pin_while_unregistering(const char *point, bool is_retired)
{
	struct stage s = set(2);
	struct segreg_pin pin;

	pin_once(s.reg, 1);
	if (is_retired)
		T_OK(segreg_retire(s.reg, 1));
	peer_run_to(s.other, point, do_unregister, NULL, 0);
	T_EQ(t_state(s.reg, 1), is_retired ? SEGREG_PENDING : SEGREG_LIVE);
	T_OK(segreg_pin(s.reg, 1, 0, &pin));
	peer_go_on(s.other);
	T_ERR(SEGREG_E_BUSY, peer_end(s.other, NULL));
	T_EQ(t_state(s.reg, 1), is_retired ? SEGREG_PENDING : SEGREG_LIVE);
	T_OK(segreg_unpin(s.reg, &pin));
	check_is_back(&s, is_retired ? SEGREG_PENDING : SEGREG_LIVE);
}

static void pins_while_unregistering(void)
{
	static const char *const points[] = { "remove.prepared", "change.durable", "remove.deciding",
					      "remove.counted" };

	for (unsigned i = 0; i < sizeof(points) / sizeof(*points); i++) {
		pin_while_unregistering(points[i], false);
		pin_while_unregistering(points[i], true);
	}
}

/* A snapshot of the new version is granted while nobody knows yet what that has: what a walk has shown stays. */
static void walk_while_unregistering(void)
{
	struct stage s = set(2);
	struct segreg_snapshot snapshot;

	peer_run_to(s.other, "remove.counted", do_unregister, NULL, 0);
	T_OK(segreg_snapshot_take(s.reg, SEGREG_SNAPSHOT, &snapshot));
	T_EQ(snapshot.version, 3);
	T_EQ(count_walked(s.reg, &snapshot), 2);
	peer_go_on(s.other);
	T_ERR(SEGREG_E_BUSY, peer_end(s.other, NULL));
	T_EQ(count_walked(s.reg, &snapshot), 2);
	T_OK(segreg_snapshot_release(s.reg, &snapshot));
	check_is_back(&s, SEGREG_LIVE);

	s = set(2);
	peer_run_to(s.other, "remove.counted", do_unregister, NULL, 0);
	T_OK(segreg_snapshot_take(s.reg, SEGREG_SNAPSHOT, &snapshot));
	peer_go_on(s.other);
	T_OK(peer_end(s.other, NULL));
	T_EQ(count_walked(s.reg, &snapshot), 1);
	T_EQ(t_state(s.reg, 1), SEGREG_E_NOENT);
	t_close(s.reg);
}

/* Killed anywhere: everybody sees the segment, without a lock, or nobody does. */
static void killed_while_unregistering(const char *point, bool is_gone)
{
	struct stage s = set(2);
	struct segreg_snapshot before, after;
	struct segreg_pin pin;

	pin_once(s.reg, 1);
	peer_run_to(s.other, point, do_unregister, NULL, 0);
	peer_kill(s.other);
	T_OK(segreg_snapshot_take(s.reg, SEGREG_SNAPSHOT, &before));
	T_EQ(count_walked(s.reg, &before), is_gone ? 1 : 2);
	if (is_gone) {
		T_ERR(SEGREG_E_NOENT, segreg_pin(s.reg, 1, 0, &pin));
		T_EQ(count_walked(s.reg, &before), 1);
		t_close(s.reg);
		return;
	}
	T_EQ(segreg_is_live(s.reg, 1), 1);
	T_OK(segreg_pin(s.reg, 1, 0, &pin));
	t_make_segment(&s.world, 3);
	T_OK(segreg_register(s.reg, 3, t_segment(3))); /* the commit lock: all is repaired */
	T_EQ(segreg_is_live(s.reg, 1), 1);
	T_EQ(count_walked(s.reg, &before), 2);
	T_OK(segreg_snapshot_take(s.reg, SEGREG_SNAPSHOT, &after));
	T_EQ(count_walked(s.reg, &after), 3);
	T_OK(segreg_retire(s.reg, 3));
	T_OK(segreg_unpin(s.reg, &pin));
	T_OK(segreg_snapshot_release(s.reg, &before));
	T_OK(segreg_snapshot_release(s.reg, &after));
	T_EQ(t_sweep(s.reg).deleted, 1);
	check_is_back(&s, SEGREG_LIVE);
}

static void deaths_while_unregistering(void)
{
	killed_while_unregistering("remove.prepared", false);
	killed_while_unregistering("change.committing", false);
	killed_while_unregistering("change.durable", false);
	killed_while_unregistering("remove.deciding", false);
	killed_while_unregistering("remove.counted", false);
	killed_while_unregistering("change.applied", true);
}

/* It was held, and dies before the record is back. */
static void killed_while_undoing(void)
{
	struct stage s = set(2);
	struct segreg_pin pin;

	pin_once(s.reg, 1);
	peer_run_to(s.other, "change.durable", do_unregister, NULL, 0);
	T_OK(segreg_pin(s.reg, 1, 0, &pin));
	peer_stop_at(s.other, "remove.undoing", 1);
	peer_go_on(s.other);
	T_CHECK(peer_stands(s.other));
	T_EQ(segreg_is_live(s.reg, 1), 1);
	peer_kill(s.other);
	T_EQ(segreg_is_live(s.reg, 1), 1);
	T_OK(segreg_unpin(s.reg, &pin));
	check_is_back(&s, SEGREG_LIVE);
}

/* By force there is nothing to decide: what is durable is so, and a repair shows it. */
static void killed_while_forcing(void)
{
	struct stage s = set(2);
	struct segreg *patient;

	/* held, and put back: its record is remembered */
	peer_run_to(s.other, "change.durable", do_unregister, NULL, 0);
	pin_once(s.reg, 1);
	peer_go_on(s.other);
	T_OK(peer_end(s.other, NULL));
	T_OK(segreg_register(s.reg, 1, t_segment(1)));
	peer_run_to(s.other, "change.durable", do_unregister_by_force, NULL, 0);
	peer_kill(s.other);
	patient = t_open(&s.world);
	T_OK(segreg_retire(patient, 2));
	T_EQ(t_state(patient, 1), SEGREG_E_NOENT);
	t_close(patient);
	t_close(s.reg);
}

T_SUITE(decisions,
	{ "a sweeper stands while it decides: a pin, and a hand-over, do not wait, and the segment stays",
	  sweeper_stands },
	{ "a sweeper has counted nobody, and then there is a pin: the segment stays",
	  sweeper_stands_before_the_last_step },
	{ "a sweeper dies while it decides: pins do not wait, and the next sweep goes on", sweeper_dies },
	{ "a pin is killed before it takes a decision back: the next sweep deletes", pinner_dies },
	{ "tables are repaired while somebody else has the commit lock", repair_without_the_commit_lock },
	{ "a snapshot or a horizon comes while an unregistering waits for the disk: refused, as it is held",
	  snapshots_while_unregistering },
	{ "a pin comes at any step of an unregistering: refused, and all is as before", pins_while_unregistering },
	{ "a walk that has shown what is being unregistered keeps it", walk_while_unregistering },
	{ "an unregistering is killed anywhere: the segment is there for all, or for nobody",
	  deaths_while_unregistering },
	{ "an unregistering is killed while it puts the record back: it is put back", killed_while_undoing },
	{ "a sweep that meets an unregistering waits, and does not take it for a sweep", sweep_meets_unregistering },
	{ "what a sweep is deleting is not unregistered", unregister_meets_sweep },
	{ "an unregistering by force is killed once it is durable: it is done", killed_while_forcing });
