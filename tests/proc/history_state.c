/*
 * history_state.c - what a registry must do, in plain words.
 */
#include "history.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- holding */

static bool holds(const struct model_snapshot *snapshot, uint64_t born, uint64_t retired)
{
	if (snapshot->kind == SEGREG_HORIZON)
		return snapshot->version < retired;
	return snapshot->kind && born <= snapshot->version && snapshot->version < retired;
}

static uint64_t count_of(const struct model_peer *peer, uint64_t instance)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < HOLDS; i++)
		count += peer->pin[i].instance == instance;
	return count;
}

uint64_t model_count(const struct model *m, unsigned id)
{
	uint64_t instance = m->segment[id].instance, count = 0;

	for (unsigned i = 0; i < PEERS; i++)
		count += count_of(&m->peer[i], instance);
	for (unsigned i = 0; i < m->n_dead; i++)
		count += count_of(&m->dead[i], instance);
	return count;
}

static bool is_held_by(const struct model_peer *peer, const struct model_segment *segment)
{
	uint64_t retired = segment->retired ? segment->retired : UINT64_MAX;

	for (unsigned i = 0; i < HOLDS; i++)
		if (peer->pin[i].instance == segment->instance || holds(&peer->snapshot[i], segment->born, retired))
			return true;
	return false;
}

static bool is_held(const struct model *m, const struct model_segment *segment)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (is_held_by(&m->peer[i], segment))
			return true;
	for (unsigned i = 0; i < m->n_dead; i++)
		if (is_held_by(&m->dead[i], segment))
			return true;
	return false;
}

/* ---------------------------------------------------------------- changing */

static void make_unknown(struct model_segment *segment, bool has_files)
{
	*segment = (struct model_segment){ .has_files = has_files, .builder = -1 };
}

static void bear(struct model *m, struct model_segment *segment, bool *visible)
{
	if (!segment->state)
		segment->instance = ++m->instances;
	segment->state = SEGREG_LIVE;
	segment->builder = -1;
	segment->born = m->version + 1;
	*visible = true;
}

static int add(struct model *m, const struct step *step, unsigned id, bool *visible)
{
	struct model_segment *segment = &m->segment[id];

	if (segment->state == SEGREG_LIVE)
		return 0;
	if (segment->state && !(segment->state == SEGREG_BUILDING && segment->builder == step->peer))
		return SEGREG_E_EXISTS;
	bear(m, segment, visible);
	return 0;
}

static int retire(struct model *m, const struct step *step, unsigned id, bool *visible)
{
	struct model_segment *segment = &m->segment[id];

	if (!segment->state || segment->state == SEGREG_BUILDING)
		return SEGREG_E_NOENT;
	if (segment->state != SEGREG_LIVE)
		return step->expects_live ? SEGREG_E_CONFLICT : 0;
	segment->state = SEGREG_PENDING;
	segment->retired = m->version + 1;
	*visible = true;
	return 0;
}

/* What an edit asks for, in any order. */
static void count_ops(const struct step *step, uint8_t asked[IDS][2])
{
	memset(asked, 0, IDS * sizeof(*asked));
	for (unsigned i = 0; i < step->n_ops; i++)
		asked[step->op[i].id][step->op[i].retires]++;
}

static bool asks_the_same(const struct model *m, const struct step *step)
{
	uint8_t asked[IDS][2];

	count_ops(step, asked);
	return !memcmp(asked, m->asked[step->token], sizeof(asked));
}

/* All of it, or an error: then m is not to be used. */
static int commit(struct model *m, const struct step *step)
{
	bool visible = false;
	int rc = step->expects && step->stale ? SEGREG_E_CONFLICT : 0;

	for (unsigned i = 0; i < step->n_ops && !rc; i++)
		rc = (step->op[i].retires ? retire : add)(m, step, step->op[i].id, &visible);
	m->version += visible;
	if (step->token) {
		m->token[step->token] = m->version + 1;
		count_ops(step, m->asked[step->token]);
	}
	return rc;
}

static struct outcome edit(struct model *m, const struct step *step)
{
	struct model after;

	for (unsigned i = 0; i < step->n_ops; i++) {
		struct model_segment *segment = &m->segment[step->op[i].id];

		if (step->op[i].retires)
			continue;
		segment->has_files |= !segment->state; /* a process that registers has written them */
		if (!segment->has_files)
			return (struct outcome){ .rc = SEGREG_E_NOENT };
	}
	if (m->token[step->token] && !asks_the_same(m, step))
		return (struct outcome){ .rc = SEGREG_E_CONFLICT };
	if (m->token[step->token])
		return (struct outcome){ .version = m->token[step->token] - 1 };
	after = *m;
	struct outcome outcome = { .rc = commit(&after, step), .version = after.version };

	if (!outcome.rc)
		*m = after;
	return outcome;
}

static int reserve(struct model *m, const struct step *step)
{
	struct model_segment *segment = &m->segment[step->id];

	if (segment->state || segment->has_files)
		return SEGREG_E_EXISTS;
	*segment = (struct model_segment){
		.state = SEGREG_BUILDING,
		.builder = step->peer,
		.instance = ++m->instances,
	};
	return 0;
}

static int unreserve(struct model *m, const struct step *step)
{
	struct model_segment *segment = &m->segment[step->id];

	if (segment->state != SEGREG_BUILDING || segment->builder != step->peer)
		return SEGREG_E_NOENT;
	segment->state = SEGREG_DELETING;
	return 0;
}

static void forget_in(struct model_peer *peer, unsigned id)
{
	for (unsigned i = 0; i < HOLDS; i++)
		peer->snapshot[i].ids &= ~(1ull << id);
}

static int unregister(struct model *m, const struct step *step)
{
	struct model_segment *segment = &m->segment[step->id];

	if (!segment->state)
		return SEGREG_E_NOENT;
	/* No sweep is at work here, so what is to be deleted can be forgotten, by force. */
	if (!step->flag &&
	    (segment->state == SEGREG_DELETING || segment->state == SEGREG_BUILDING || is_held(m, segment)))
		return SEGREG_E_BUSY;
	make_unknown(segment, segment->has_files);
	for (unsigned i = 0; i < PEERS; i++)
		forget_in(&m->peer[i], step->id);
	m->version++;
	return 0;
}

static struct outcome sweep(struct model *m)
{
	struct outcome outcome = { .reclaimed = m->n_dead };

	m->n_dead = 0;
	for (unsigned id = 0; id < IDS; id++) {
		struct model_segment *segment = &m->segment[id];

		if (segment->state == SEGREG_PENDING && is_held(m, segment)) {
			outcome.held++;
		} else if (segment->state == SEGREG_PENDING || segment->state == SEGREG_DELETING ||
			   (segment->state == SEGREG_BUILDING && segment->builder == -1)) {
			outcome.deleted++;
			make_unknown(segment, false);
		}
	}
	return outcome;
}

/* ---------------------------------------------------------------- pins and snapshots */

static int pin(const struct model *m, unsigned id, bool live, struct model_pin *pin)
{
	const struct model_segment *segment = &m->segment[id];

	if (segment->state != SEGREG_LIVE && (live || segment->state != SEGREG_PENDING))
		return SEGREG_E_NOENT;
	*pin = (struct model_pin){ .instance = segment->instance, .id = (uint8_t)id };
	return 0;
}

static int hand_pin(const struct model *m, const struct model_pin *theirs, struct model_pin *ours)
{
	if (!theirs->instance || m->segment[theirs->id].instance != theirs->instance)
		return SEGREG_E_NOENT;
	return pin(m, theirs->id, false, ours);
}

static int unpin(struct model_pin *pin)
{
	if (!pin->instance)
		return SEGREG_E_NOTPINNED;
	pin->instance = 0;
	return 0;
}

static int take(const struct model *m, int kind, struct model_snapshot *snapshot)
{
	*snapshot = (struct model_snapshot){ .kind = kind, .version = m->version };
	for (unsigned id = 0; id < IDS && kind == SEGREG_SNAPSHOT; id++)
		if (m->segment[id].state == SEGREG_LIVE)
			snapshot->ids |= 1ull << id;
	return 0;
}

static int release(struct model_snapshot *snapshot)
{
	if (!snapshot->kind)
		return SEGREG_E_NOTPINNED;
	*snapshot = (struct model_snapshot){ 0 };
	return 0;
}

static struct outcome hold(struct model *m, const struct step *step)
{
	const struct outcome skipped = { .skipped = true };
	struct model_peer *peer = &m->peer[step->peer], *to = &m->peer[step->to];
	struct model_pin *p = &peer->pin[step->hold], *to_p = &to->pin[step->to_hold];
	struct model_snapshot *s = &peer->snapshot[step->hold], *to_s = &to->snapshot[step->to_hold];

	switch (step->kind) {
	case STEP_PIN:
		return p->instance ? skipped : (struct outcome){ .rc = pin(m, step->id, step->flag, p) };
	case STEP_UNPIN:
		return (struct outcome){ .rc = unpin(p) };
	case STEP_HAND_PIN:
		return to_p->instance ? skipped : (struct outcome){ .rc = hand_pin(m, p, to_p) };
	case STEP_TAKE:
		return s->kind ? skipped : (struct outcome){ .rc = take(m, step->snapshot, s) };
	case STEP_TRADE:
		return (struct outcome){ .rc = s->kind ? take(m, step->snapshot, s) : SEGREG_E_NOTPINNED };
	case STEP_RELEASE:
		return (struct outcome){ .rc = release(s) };
	default: /* STEP_HAND_SNAPSHOT */
		if (to_s->kind)
			return skipped;
		if (!s->kind)
			return (struct outcome){ .rc = SEGREG_E_INVAL };
		*to_s = *s;
		return (struct outcome){ 0 };
	}
}

/* ---------------------------------------------------------------- coming and going */

/* Its handle is no more: it builds nothing, and holds nothing. */
static void leave(struct model *m, unsigned peer)
{
	for (unsigned id = 0; id < IDS; id++)
		if (m->segment[id].builder == (int)peer)
			m->segment[id].builder = -1;
	m->peer[peer] = (struct model_peer){ 0 };
}

static struct outcome close_one(struct model *m, unsigned peer)
{
	struct outcome outcome = { 0 };

	for (unsigned i = 0; i < HOLDS; i++)
		outcome.released += m->peer[peer].pin[i].instance != 0;
	leave(m, peer);
	return outcome;
}

static struct outcome kill_one(struct model *m, unsigned peer)
{
	m->dead[m->n_dead++] = m->peer[peer];
	leave(m, peer);
	return (struct outcome){ 0 };
}

static struct outcome restart(struct model *m)
{
	for (unsigned i = 0; i < PEERS; i++)
		leave(m, i);
	m->n_dead = 0;
	return (struct outcome){ 0 };
}

static struct outcome write_files(struct model_segment *segment)
{
	struct outcome outcome = { .skipped = segment->state != SEGREG_BUILDING || segment->has_files };

	segment->has_files |= !outcome.skipped;
	return outcome;
}

struct outcome model_step(struct model *m, const struct step *step)
{
	switch (step->kind) {
	case STEP_EDIT:
		return edit(m, step);
	case STEP_RESERVE:
		return (struct outcome){ .rc = reserve(m, step) };
	case STEP_WRITE:
		return write_files(&m->segment[step->id]);
	case STEP_UNRESERVE:
		return (struct outcome){ .rc = unreserve(m, step) };
	case STEP_REMOVE:
		return (struct outcome){ .rc = unregister(m, step) };
	case STEP_SWEEP:
		return sweep(m);
	case STEP_CLOSE:
		return close_one(m, step->peer);
	case STEP_KILL:
		return kill_one(m, step->peer);
	case STEP_RESTART:
	case STEP_REBOOT:
		return restart(m);
	default:
		return hold(m, step);
	}
}

/* ---------------------------------------------------------------- for people */

static const char *const names[STEP_KINDS] = {
#define STEP_NAME(name, weight) [STEP_##name] = #name,
	STEPS(STEP_NAME)
#undef STEP_NAME
};

static size_t describe_edit(const struct step *step, char *buf, size_t size)
{
	const char *expected = step->stale ? " stale" : " expect";
	size_t n = 0;

	for (unsigned i = 0; i < step->n_ops && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, " %c%u", step->op[i].retires ? '-' : '+', step->op[i].id + 1u);
	if (step->token && n < size)
		n += (size_t)snprintf(buf + n, size - n, " token %u", step->token);
	if (n < size)
		n += (size_t)snprintf(buf + n, size - n, "%s%s%s", step->expects ? expected : "",
				      step->expects_live ? " expect-live" : "", step->syncs ? " sync" : "");
	return n;
}

size_t model_describe(const struct step *step, char *buf, size_t size)
{
	size_t n = (size_t)snprintf(buf, size, "p%u %s", step->peer, names[step->kind]);

	if (n >= size)
		return n;
	switch (step->kind) {
	case STEP_EDIT:
		return n + describe_edit(step, buf + n, size - n);
	case STEP_RESERVE:
	case STEP_WRITE:
	case STEP_UNRESERVE:
		return n + (size_t)snprintf(buf + n, size - n, " %u", step->id + 1u);
	case STEP_REMOVE:
		return n + (size_t)snprintf(buf + n, size - n, " %u%s", step->id + 1u, step->flag ? " FORCE" : "");
	case STEP_PIN:
		return n + (size_t)snprintf(buf + n, size - n, " %u%s in %u", step->id + 1u, step->flag ? " LIVE" : "",
					    step->hold);
	case STEP_UNPIN:
	case STEP_RELEASE:
		return n + (size_t)snprintf(buf + n, size - n, " %u", step->hold);
	case STEP_TAKE:
	case STEP_TRADE:
		return n + (size_t)snprintf(buf + n, size - n, " %s in %u",
					    step->snapshot == SEGREG_HORIZON ? "HORIZON" : "SNAPSHOT", step->hold);
	case STEP_HAND_PIN:
	case STEP_HAND_SNAPSHOT:
		return n + (size_t)snprintf(buf + n, size - n, " %u to p%u in %u", step->hold, step->to, step->to_hold);
	default:
		return n;
	}
}
