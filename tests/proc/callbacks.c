/*
 * callbacks.c - a function that a call calls back may stand as long as it likes: nobody else waits for it.
 *
 * Each callback has another process commit, pin and sweep, and commits through its own handle. A callback that ran
 * under a lock would have the other process wait in vain.
 */
#include "harness.h"
#include "peer.h"

struct stage {
	struct t_world world;
	struct segreg *reg;
	struct peer *other;
	uint64_t next; /* id of the next segment */
	bool sweeps;   /* the call is a sweep: another one is refused meanwhile */
	unsigned calls;
};

static int act(void *arg)
{
	struct stage *s = arg;
	uint64_t id = s->next++, own = s->next++;
	struct segreg_sweep_result swept;

	if (s->calls++)
		return 0;
	t_make_segment(&s->world, id);
	T_OK(peer_register(s->other, id, t_segment(id)));
	T_OK(peer_pin(s->other, id));
	T_OK(peer_retire(s->other, id));
	if (s->sweeps)
		T_ERR(SEGREG_E_BUSY, peer_sweep(s->other, &swept));
	else
		T_OK(peer_sweep(s->other, &swept));
	T_OK(peer_unpin(s->other, id));
	t_add(&s->world, s->reg, own);
	T_OK(segreg_retire(s->reg, own));
	return 0;
}

static int on_info(void *arg, const struct segreg_info *info)
{
	(void)info;
	return act(arg);
}

static int on_holder(void *arg, const struct segreg_holder *holder)
{
	(void)holder;
	return act(arg);
}

static int on_finding(void *arg, const struct segreg_finding *finding)
{
	(void)finding;
	return act(arg);
}

static int on_log(void *arg, const struct segreg_log_entry *entry)
{
	(void)entry;
	return act(arg);
}

static int on_event(void *arg, const struct segreg_sweep_event *event)
{
	(void)event;
	return act(arg);
}

static struct stage set(void)
{
	struct stage s = { .world = t_world(T_MEMORY), .next = 10 };
	struct segreg_pin pin;

	s.reg = t_open(&s.world);
	s.other = peer_start(&s.world, PEER_PROCESS);
	T_OK(peer_open(s.other));
	for (uint64_t id = 1; id <= 3; id++)
		t_add(&s.world, s.reg, id);
	T_OK(segreg_retire(s.reg, 1));
	t_sweep(s.reg); /* for the journal */
	T_OK(segreg_pin(s.reg, 2, 0, &pin));
	T_OK(segreg_retire(s.reg, 2));
	t_remove_tree(t_path(&s.world, "%s", t_segment(3))); /* for the check */
	return s;
}

static void strike(struct stage *s)
{
	T_CHECK(s->calls > 0);
	peer_exit(s->other);
	t_close(s->reg);
}

static void lists(void)
{
	struct stage s = set();

	T_OK(segreg_list(s.reg, on_info, &s));
	s.calls = 0;
	T_OK(segreg_list_retired(s.reg, on_info, &s));
	T_CHECK(s.calls > 0);
	s.calls = 0;
	T_OK(segreg_list_one(s.reg, 2, on_info, &s));
	strike(&s);
}

static void holders(void)
{
	struct stage s = set();

	T_OK(segreg_holders(s.reg, 2, on_holder, &s));
	T_CHECK(s.calls > 0);
	s.calls = 0;
	T_OK(segreg_lanes(s.reg, on_holder, &s));
	strike(&s);
}

static void checks(void)
{
	struct stage s = set();

	T_CHECK(segreg_check(s.reg, 0, on_finding, &s) >= 0);
	strike(&s);
}

static void logs(void)
{
	struct stage s = set();

	T_OK(segreg_log(s.reg, 0, on_log, &s));
	strike(&s);
}

static void sweeps(void)
{
	struct stage s = set();
	const struct segreg_sweep_options options = { .size = sizeof(options), .fn = on_event, .arg = &s };

	s.sweeps = true;
	T_OK(segreg_sweep(s.reg, &options, NULL));
	strike(&s);
}

T_SUITE(callbacks, { "nobody waits for the callback of a list", lists },
	{ "nobody waits for the callback of a list of holders or handles", holders },
	{ "nobody waits for the callback of a check", checks }, { "nobody waits for the callback of a log", logs },
	{ "only other sweeps are refused during the callback of a sweep", sweeps });
