/*
 * pin.c - sr_pin: the interleavings of a pin with deletions, each forced.
 *
 * The steps are those of the comment in lib/hold/sr_pin.c. The pinner is led from stop point to stop point: "pin.found"
 * lies before P2, "pin.looking" between P2 and P3, "pin.looked" between P3 and P4, "pin.counted" between P4 and P5,
 * "pin.read" after P5; the sweeper stands at "sweep.deciding" between S1 and S2.
 */
#include "harness.h"
#include "peer.h"
#include "sys/sr_sys.h"

#include <string.h>

#define PINNED 1
#define NEXT 2 /* a segment that comes later, into the slot of PINNED if that is free */

struct stage {
	struct t_world world;
	struct peer *pinner, *sweeper;
	struct segreg *reg;
};

static struct peer *start(const struct t_world *w)
{
	struct peer *peer = peer_start(w, PEER_PROCESS);

	T_OK(peer_open(peer));
	return peer;
}

static struct stage set(void)
{
	struct stage s = { .world = t_world(T_MEMORY) };

	s.pinner = start(&s.world);
	s.sweeper = start(&s.world);
	s.reg = t_open(&s.world);
	t_add(&s.world, s.reg, 77);
	t_add(&s.world, s.reg, PINNED);
	t_make_segment(&s.world, NEXT);
	T_OK(peer_pin(s.pinner, 77));
	return s;
}

static void strike(struct stage *s)
{
	peer_exit(s->pinner);
	peer_exit(s->sweeper);
	t_sweep(s->reg);
	T_EQ(t_stats(s->reg).pending + t_stats(s->reg).deleting, 0);
	t_close(s->reg);
}

static void pin_to(struct stage *s, const char *point)
{
	const uint64_t id = PINNED;

	peer_run_to(s->pinner, point, peer_do_pin, &id, sizeof(id));
}

/* From the point where it stands to another. */
static void pin_on_to(struct stage *s, const char *point)
{
	peer_stop_at(s->pinner, point, 1);
	peer_go_on(s->pinner);
	T_CHECK(peer_stands(s->pinner));
}

static int end_pin(struct stage *s)
{
	peer_go_on(s->pinner);
	return peer_end(s->pinner, NULL);
}

static void sweep_to(struct stage *s, const char *point)
{
	peer_run_to(s->sweeper, point, peer_do_sweep, NULL, 0);
}

static void end_sweep(struct stage *s)
{
	peer_go_on(s->sweeper);
	T_OK(peer_end(s->sweeper, NULL));
}

static void delete_it(struct stage *s)
{
	T_OK(segreg_retire(s->reg, PINNED));
	T_EQ(t_sweep(s->reg).deleted, 1);
}

static void check_held(struct stage *s)
{
	T_EQ(t_refcount(s->reg, PINNED), 1);
	T_CHECK(t_exists(&s->world, "seg-1/data"));
	T_EQ(t_sweep(s->reg).held, 1);
	T_CHECK(t_exists(&s->world, "seg-1/data"));
	T_OK(peer_unpin(s->pinner, PINNED));
	T_EQ(t_sweep(s->reg).deleted, 1);
	T_CHECK(!t_exists(&s->world, "seg-1"));
}

static int count_pins(void *arg, const struct segreg_holder *holder)
{
	uint64_t *pins = arg;

	*pins += holder->pins;
	return 0;
}

/* Nobody holds anything but 77. */
static void check_holds_nothing(struct stage *s)
{
	uint64_t pins = 0;

	T_OK(segreg_lanes(s->reg, count_pins, &pins));
	T_EQ(pins, t_refcount(s->reg, 77));
}

/* ---------------------------------------------------------------- a pin that comes too late */

/* A test at all points that lie before the count. */
#define EACH_POINT(test)                                                                                               \
	static void test##_each(void)                                                                                  \
	{                                                                                                              \
		test("pin.found");                                                                                     \
		test("pin.looking");                                                                                   \
		test("pin.looked");                                                                                    \
	}

static void deleted_before_the_count(const char *point)
{
	struct stage s = set();

	pin_to(&s, point);
	delete_it(&s);
	T_ERR(SEGREG_E_NOENT, end_pin(&s));
	check_holds_nothing(&s);
	strike(&s);
}

EACH_POINT(deleted_before_the_count)

static void slot_reused_before_the_count(const char *point)
{
	struct stage s = set();

	pin_to(&s, point);
	delete_it(&s);
	T_OK(segreg_register(s.reg, NEXT, t_segment(NEXT)));
	T_ERR(SEGREG_E_NOENT, end_pin(&s));
	T_EQ(t_refcount(s.reg, NEXT), 0);
	check_holds_nothing(&s);
	strike(&s);
}

EACH_POINT(slot_reused_before_the_count)

static void same_id_again_before_the_count(const char *point)
{
	struct stage s = set();

	pin_to(&s, point);
	delete_it(&s);
	t_add(&s.world, s.reg, PINNED); /* another segment, of the same id, in the same slot */
	T_OK(end_pin(&s));
	T_OK(segreg_retire(s.reg, PINNED));
	check_held(&s);
	strike(&s);
}

EACH_POINT(same_id_again_before_the_count)

/* The count lies on the slot of another segment for a moment: that deletion waits, and a sleeping sweeper is woken. */
static void count_on_the_next_one(void)
{
	struct stage s = set();
	uint32_t ticket = 0;

	pin_to(&s, "pin.looked");
	delete_it(&s);
	T_OK(segreg_register(s.reg, NEXT, t_segment(NEXT)));
	T_OK(segreg_retire(s.reg, NEXT));
	pin_on_to(&s, "pin.counted");
	T_EQ(t_refcount(s.reg, NEXT), 1);
	T_OK(segreg_sweep_wait(s.reg, &ticket, 0));
	T_EQ(t_sweep(s.reg).held, 1);
	T_ERR(SEGREG_E_NOENT, end_pin(&s));
	T_OK(segreg_sweep_wait(s.reg, &ticket, 0));
	T_EQ(t_sweep(s.reg).deleted, 1);
	check_holds_nothing(&s);
	strike(&s);
}

static void decided_before_the_look(void)
{
	struct stage s = set();

	T_OK(segreg_retire(s.reg, PINNED));
	pin_to(&s, "pin.found");
	sweep_to(&s, "sweep.removed"); /* DELETING, and its files are gone */
	T_ERR(SEGREG_E_NOENT, end_pin(&s));
	end_sweep(&s);
	check_holds_nothing(&s);
	strike(&s);
}

static void decided_before_the_count(void)
{
	struct stage s = set();

	T_OK(segreg_retire(s.reg, PINNED));
	pin_to(&s, "pin.looked");
	sweep_to(&s, "sweep.removed");
	T_ERR(SEGREG_E_NOENT, end_pin(&s));
	end_sweep(&s);
	T_EQ(t_state(s.reg, PINNED), SEGREG_E_NOENT);
	check_holds_nothing(&s);
	strike(&s);
}

/* It counts on a slot that is being given up: that one is nobody's until the count is gone. */
static void count_on_the_dying(void)
{
	struct stage s = set();

	T_OK(segreg_retire(s.reg, PINNED));
	pin_to(&s, "pin.looked");
	sweep_to(&s, "sweep.removed");
	pin_on_to(&s, "pin.counted");
	end_sweep(&s);
	T_EQ(t_state(s.reg, PINNED), SEGREG_E_NOENT);
	T_OK(segreg_register(s.reg, NEXT, t_segment(NEXT)));
	T_EQ(t_refcount(s.reg, NEXT), 0); /* in another slot */
	T_ERR(SEGREG_E_NOENT, end_pin(&s));
	check_holds_nothing(&s);
	strike(&s);
}

/* ---------------------------------------------------------------- a pin that comes in time */

static void counted_before_the_decision(void)
{
	struct stage s = set();

	pin_to(&s, "pin.counted");
	T_OK(segreg_retire(s.reg, PINNED));
	T_EQ(t_sweep(s.reg).held, 1);
	T_OK(end_pin(&s));
	check_held(&s);
	strike(&s);
}

static void retired_and_swept_after_the_look(void)
{
	struct stage s = set();

	pin_to(&s, "pin.read");
	T_OK(segreg_retire(s.reg, PINNED));
	T_EQ(t_sweep(s.reg).held, 1);
	T_OK(end_pin(&s));
	check_held(&s);
	strike(&s);
}

/* S1 before P4, P5 before S2: it has read DECIDING, and asks under the lock when the sweeper is done. */
static void looks_during_the_decision(void)
{
	struct stage s = set();

	T_OK(segreg_retire(s.reg, PINNED));
	pin_to(&s, "pin.looked");
	sweep_to(&s, "sweep.deciding");
	pin_on_to(&s, "pin.read");
	end_sweep(&s); /* which has seen the count */
	T_OK(end_pin(&s));
	check_held(&s);
	strike(&s);
}

/* S1 before P4; it may take its count back before S2, or after. */
static void takes_back_during_the_decision(void)
{
	struct stage s = set();
	int rc;

	T_OK(segreg_retire(s.reg, PINNED));
	pin_to(&s, "pin.looked");
	sweep_to(&s, "sweep.deciding");
	peer_go_on(s.pinner);
	end_sweep(&s);
	rc = peer_end(s.pinner, NULL);
	T_CHECK(rc == 0 || rc == SEGREG_E_NOENT);
	T_CHECK(t_exists(&s.world, "seg-1/data") == (rc == 0));
	if (rc == 0)
		check_held(&s);
	check_holds_nothing(&s);
	strike(&s);
}

/* P4 before S1. */
static void counted_during_the_decision(void)
{
	struct stage s = set();

	T_OK(segreg_retire(s.reg, PINNED));
	pin_to(&s, "pin.counted");
	sweep_to(&s, "sweep.deciding");
	end_sweep(&s);
	T_OK(end_pin(&s));
	check_held(&s);
	strike(&s);
}

/* ---------------------------------------------------------------- unregistering */

static void counted_while_unregistered(void)
{
	struct stage s = set();

	pin_to(&s, "pin.counted");
	T_ERR(SEGREG_E_BUSY, segreg_force_remove(s.reg, PINNED, 0));
	T_OK(end_pin(&s));
	T_OK(peer_unpin(s.pinner, PINNED));
	T_OK(segreg_force_remove(s.reg, PINNED, 0));
	T_CHECK(t_exists(&s.world, "seg-1/data"));
	strike(&s);
}

static void unregistered_before_the_count(const char *point)
{
	struct stage s = set();

	pin_to(&s, point);
	T_OK(segreg_force_remove(s.reg, PINNED, 0));
	T_ERR(SEGREG_E_NOENT, end_pin(&s));
	check_holds_nothing(&s);
	strike(&s);
}

EACH_POINT(unregistered_before_the_count)

/* The slot of a segment that was unregistered by force stays its holder's. */
static void unregistered_by_force(void)
{
	struct stage s = set();

	T_OK(peer_pin(s.pinner, PINNED));
	T_OK(segreg_force_remove(s.reg, PINNED, SEGREG_FORCE));
	T_OK(segreg_register(s.reg, NEXT, t_segment(NEXT)));
	T_EQ(t_refcount(s.reg, NEXT), 0);
	T_ERR(SEGREG_E_NOENT, peer_pin(s.pinner, PINNED));
	T_OK(peer_unpin(s.pinner, PINNED));
	t_sweep(s.reg);
	T_CHECK(t_exists(&s.world, "seg-1/data"));
	strike(&s);
}

/* ---------------------------------------------------------------- only the live */

static int do_pin_live(struct peer_self *self, void *arg)
{
	uint64_t id;

	memcpy(&id, arg, sizeof(id));
	return segreg_pin(self->reg, id, SEGREG_PIN_LIVE, &self->pin[self->pins]);
}

static void retired_meanwhile(const char *point, int expected)
{
	struct stage s = set();
	const uint64_t id = PINNED;

	peer_run_to(s.pinner, point, do_pin_live, &id, sizeof(id));
	T_OK(segreg_retire(s.reg, PINNED));
	peer_go_on(s.pinner);
	T_EQ(peer_end(s.pinner, NULL), expected);
	T_EQ(t_refcount(s.reg, PINNED), expected == 0);
	strike(&s);
}

static void only_live(void)
{
	retired_meanwhile("pin.found", SEGREG_E_NOENT);
	retired_meanwhile("pin.counted", SEGREG_E_NOENT);
	retired_meanwhile("pin.read", 0); /* it was live when it looked */
}

/* ---------------------------------------------------------------- several lanes */

static void sum_of_lanes(void)
{
	struct stage s = set();
	struct segreg *second = t_open(&s.world);
	struct segreg_pin pins[2];

	T_OK(segreg_pin(s.reg, PINNED, 0, &pins[0]));
	T_OK(segreg_pin(second, PINNED, 0, &pins[1]));
	pin_to(&s, "pin.counted");
	T_EQ(t_refcount(s.reg, PINNED), 3);
	T_OK(segreg_retire(s.reg, PINNED));
	T_OK(segreg_unpin(s.reg, &pins[0]));
	T_EQ(t_sweep(s.reg).held, 1);
	T_OK(segreg_unpin(second, &pins[1]));
	T_EQ(t_sweep(s.reg).held, 1);
	T_OK(end_pin(&s));
	check_held(&s);
	t_close(second);
	strike(&s);
}

T_SUITE(pin, { "found, then deleted: refused", deleted_before_the_count_each },
	{ "found, then deleted and the slot reused: refused, and not pinned by mistake",
	  slot_reused_before_the_count_each },
	{ "found, then deleted and its id used again: the new one is pinned", same_id_again_before_the_count_each },
	{ "counted on the next one's slot: the next segment waits for a sweep, and the pin wakes one",
	  count_on_the_next_one },
	{ "found, then decided: refused", decided_before_the_look },
	{ "looked at, then decided, then counted: refused", decided_before_the_count },
	{ "counted on a slot that is given up: that slot is nobody's until the count is gone", count_on_the_dying },
	{ "counted, then a sweep decides: held", counted_before_the_decision },
	{ "looked, then retired and swept: held", retired_and_swept_after_the_look },
	{ "looked while a sweep decides: pinned when it is done", looks_during_the_decision },
	{ "counted and taken back while a sweep decides: as the sweep decided", takes_back_during_the_decision },
	{ "counted before a sweep decides: held", counted_during_the_decision },
	{ "counted, then unregistered: that is busy", counted_while_unregistered },
	{ "found, then unregistered: refused", unregistered_before_the_count_each },
	{ "unregistered by force while pinned: the slot stays its holder's", unregistered_by_force },
	{ "only the live: what counts is the moment of the look", only_live },
	{ "a segment is held as long as any lane counts it", sum_of_lanes });
