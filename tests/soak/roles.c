/*
 * roles.c - what the processes do until they are killed: edit, pin, take snapshots, sweep, look, evict. Now and then
 * they do something to themselves that no library expects of its host.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "soak.h"

static const char *const labels[] = { "editor", "pinner", "snapper", "sweeper", "observer", "evictor" };

struct actor {
	struct soak *s;
	struct segreg *reg;
	enum role role;
	uint32_t number;
};

static void open_registry(struct actor *a)
{
	struct segreg_open_options options = { .size = sizeof(options), .label = labels[a->role] };

	EXPECT(a->s, 0, segreg_open(a->s->registry, &options, &a->reg));
}

/* An operator has taken away what it held: begin anew. */
static void start_over(struct actor *a)
{
	int rc = segreg_close(a->reg, NULL);

	expect(a->s, "segreg_close", 0, rc);
	open_registry(a);
}

/* ---------------------------------------------------------------- editing */

/* Look whether what was retired is gone by now. */
static bool is_free(struct actor *a, uint32_t k)
{
	struct key *key = &a->s->ledger->key[a->number][k];
	enum segreg_state state;
	int rc;

	if (key->truth != GONE)
		return key->truth == ABSENT;
	rc = segreg_state(a->reg, segment_id(a->number, k), &state);
	if (rc == 0 && state == SEGREG_LIVE)
		violation(a->s, "segment %" PRIu64 " was retired, and is live again", segment_id(a->number, k));
	if (rc != SEGREG_E_NOENT)
		expect(a->s, "segreg_state", 0, rc);
	else
		key->truth = ABSENT;
	return key->truth == ABSENT;
}

static void plan(struct actor *a, struct intent *intent)
{
	uint32_t start = soak_random(a->s, KEYS), most = 1 + soak_random(a->s, BATCH);

	intent->n_adds = intent->n_retires = 0;
	intent->builds = soak_random(a->s, 8) == 0;
	for (uint32_t i = 0; i < KEYS; i++) {
		uint32_t k = (start + i) % KEYS;
		struct key *key = &a->s->ledger->key[a->number][k];

		if (key->truth == LIVE && intent->n_retires < most && !intent->builds && soak_random(a->s, 2)) {
			intent->retire[intent->n_retires++] = k;
		} else if (intent->n_adds < (intent->builds ? 1 : most) && soak_random(a->s, 2) && is_free(a, k)) {
			key->generation++;
			intent->add[intent->n_adds++] = k;
		}
	}
}

static void edit(struct actor *a, struct intent *intent)
{
	struct key *keys = a->s->ledger->key[a->number];
	struct segreg_edit *edit;
	char path[64];

	EXPECT(a->s, 0, segreg_edit_begin(a->reg, &edit));
	for (uint32_t i = 0; i < intent->n_adds; i++) {
		uint32_t k = intent->add[i];

		segment_write(a->s, a->number, k, keys[k].generation);
		segment_path(a->number, k, keys[k].generation, path);
		EXPECT(a->s, 0, segreg_edit_add(edit, segment_id(a->number, k), path));
	}
	for (uint32_t i = 0; i < intent->n_retires; i++)
		EXPECT(a->s, 0, segreg_edit_retire(edit, segment_id(a->number, intent->retire[i])));
	EXPECT(a->s, 0, segreg_edit_commit(edit, NULL));
}

static void build(struct actor *a, struct intent *intent)
{
	uint32_t k = intent->add[0], generation = a->s->ledger->key[a->number][k].generation;
	char path[64];

	segment_path(a->number, k, generation, path);
	EXPECT(a->s, 0, segreg_reserve(a->reg, segment_id(a->number, k), path));
	segment_write(a->s, a->number, k, generation);
	EXPECT(a->s, 0, segreg_register(a->reg, segment_id(a->number, k), path));
}

static void act_editor(struct actor *a)
{
	struct intent *intent = &a->s->ledger->intent[a->number];
	struct key *keys = a->s->ledger->key[a->number];

	plan(a, intent);
	if (!intent->n_adds && !intent->n_retires)
		return;
	__atomic_store_n(&intent->is_active, 1, __ATOMIC_RELEASE);
	if (intent->builds)
		build(a, intent);
	else
		edit(a, intent);
	for (uint32_t i = 0; i < intent->n_adds; i++)
		keys[intent->add[i]].truth = LIVE;
	for (uint32_t i = 0; i < intent->n_retires; i++)
		keys[intent->retire[i]].truth = GONE;
	__atomic_store_n(&intent->is_active, 0, __ATOMIC_RELEASE);
	count(&a->s->ledger->edits);
}

/* ---------------------------------------------------------------- holding */

/* What is held is there, or an operator has taken it away. */
static void verify(struct actor *a, struct segreg_pin *pin)
{
	char path[SEGREG_PATH_SIZE];
	const char *fault;
	int rc = segreg_pin_path(a->reg, pin, path, sizeof(path));

	if (rc == SEGREG_E_EVICTED)
		return;
	expect(a->s, "segreg_pin_path", 0, rc);
	fault = segment_fault(pin->id, path);
	if (fault && segreg_pin_path(a->reg, pin, path, sizeof(path)) != SEGREG_E_EVICTED)
		violation(a->s, "process %d has pinned %" PRIu64 ", and %s", getpid(), pin->id, fault);
	count(&a->s->ledger->verified);
}

static uint64_t some_id(struct actor *a)
{
	return segment_id(soak_random(a->s, EDITORS), soak_random(a->s, KEYS));
}

static void act_pinner(struct actor *a)
{
	struct segreg_pin pins[8];
	uint32_t n = 0;
	int rc = 0;

	for (uint32_t i = 0; i < 8 && rc != SEGREG_E_EVICTED; i++) {
		rc = segreg_pin(a->reg, some_id(a), soak_random(a->s, 2) ? SEGREG_PIN_LIVE : 0, &pins[n]);
		if (rc == 0)
			n++;
		else if (rc != SEGREG_E_EVICTED)
			expect(a->s, "segreg_pin", SEGREG_E_NOENT, rc);
	}
	for (uint32_t i = 0; i < 2 * n; i++)
		verify(a, &pins[soak_random(a->s, n)]);
	soak_sleep(soak_random(a->s, 500));
	for (uint32_t i = 0; i < n; i++) {
		verify(a, &pins[i]);
		rc = segreg_unpin(a->reg, &pins[i]);
		if (rc == SEGREG_E_EVICTED)
			break;
		expect(a->s, "segreg_unpin", 0, rc);
	}
	if (rc == SEGREG_E_EVICTED)
		start_over(a);
}

static void act_snapper(struct actor *a)
{
	struct segreg_snapshot snapshot;
	struct segreg_entry entry = { .size = sizeof(entry) };
	char path[SEGREG_PATH_SIZE];
	const char *fault;
	int rc = segreg_snapshot_take(a->reg, SEGREG_SNAPSHOT, &snapshot), step = 0;

	if (rc == SEGREG_E_EVICTED) {
		start_over(a);
		return;
	}
	expect(a->s, "segreg_snapshot_take", 0, rc);
	while ((step = segreg_snapshot_next(a->reg, &snapshot, &entry)) == 1) {
		if (soak_random(a->s, 4))
			continue;
		snprintf(path, sizeof(path), "%s/%s", segreg_base_path(a->reg), entry.path);
		fault = segment_fault(entry.id, path);
		if (fault && segreg_snapshot_next(a->reg, &snapshot, &entry) != SEGREG_E_EVICTED)
			violation(a->s, "process %d has a snapshot of version %" PRIu64 ", and %s", getpid(),
				  snapshot.version, fault);
		count(&a->s->ledger->verified);
	}
	if (step != SEGREG_E_EVICTED)
		expect(a->s, "segreg_snapshot_next", 0, step);
	rc = segreg_snapshot_release(a->reg, &snapshot);
	if (rc == SEGREG_E_EVICTED)
		start_over(a);
	else
		expect(a->s, "segreg_snapshot_release", 0, rc);
	count(&a->s->ledger->snapshots);
}

/* ---------------------------------------------------------------- the rest */

static void act_sweeper(struct actor *a)
{
	struct segreg_sweep_result result = { .size = sizeof(result) };
	int rc = segreg_sweep(a->reg, NULL, &result);

	if (rc != SEGREG_E_BUSY)
		expect(a->s, "segreg_sweep", 0, rc);
	if (rc == 0 && result.failed)
		violation(a->s, "%" PRIu64 " deletions failed", result.failed);
	__atomic_add_fetch(&a->s->ledger->deleted, result.deleted, __ATOMIC_RELAXED);
	__atomic_add_fetch(&a->s->ledger->reclaimed, result.reclaimed, __ATOMIC_RELAXED);
	soak_sleep(soak_random(a->s, 1000));
}

/* Files that an editor is making are strangers for a moment. */
static int on_finding(void *arg, const struct segreg_finding *finding)
{
	if (finding->kind != SEGREG_FOUND_STRANGER)
		violation(arg, "segment %" PRIu64 " %s: %s", finding->id, finding->path, finding->reason);
	return 0;
}

static int on_info(void *arg, const struct segreg_info *info)
{
	*(uint64_t *)arg += info->pins;
	return 0;
}

static int on_entry(void *arg, const struct segreg_log_entry *entry)
{
	*(uint64_t *)arg = entry->number;
	return 0;
}

static void act_observer(struct actor *a)
{
	static uint64_t seen;
	struct segreg_stats stats = { .size = sizeof(stats) };
	uint64_t pins = 0;

	EXPECT(a->s, 0, segreg_stats(a->reg, &stats));
	EXPECT(a->s, 0, segreg_list(a->reg, on_info, &pins));
	EXPECT(a->s, 0, segreg_log(a->reg, seen, on_entry, &seen));
	EXPECT(a->s, 0, segreg_check(a->reg, 0, on_finding, a->s));
	count(&a->s->ledger->checks);
	soak_sleep(soak_random(a->s, 3000));
}

struct choice {
	struct soak *s;
	struct segreg_holder holder;
	uint32_t n;
};

static int choose(void *arg, const struct segreg_holder *holder)
{
	struct choice *choice = arg;

	if ((!strcmp(holder->label, labels[PINNER]) || !strcmp(holder->label, labels[SNAPPER])) &&
	    !soak_random(choice->s, ++choice->n))
		choice->holder = *holder;
	return 0;
}

static void act_evictor(struct actor *a)
{
	struct choice choice = { .s = a->s };
	int rc;

	EXPECT(a->s, 0, segreg_lanes(a->reg, choose, &choice));
	if (choice.n) {
		rc = segreg_evict(a->reg, choice.holder.lane, choice.holder.epoch, NULL);
		if (rc != SEGREG_E_NOENT)
			expect(a->s, "segreg_evict", 0, rc);
		count(&a->s->ledger->evictions);
	}
	soak_sleep(2000 + soak_random(a->s, 5000));
}

/* ---------------------------------------------------------------- what a host does to itself */

static void *pin_and_leave(void *arg)
{
	struct actor *a = arg;
	struct segreg_pin pin;

	segreg_pin(a->reg, some_id(a), 0, &pin); /* stays pinned, as long as the process lives */
	return NULL;
}

/* A child that goes on with the handle that it inherited, for a while. */
static void fork_one(struct actor *a)
{
	pid_t pid = fork();

	count(&a->s->ledger->forks);
	if (pid)
		return;
	a->s->random += (uint64_t)getpid();
	for (uint32_t i = soak_random(a->s, 4); i > 0; i--)
		act_pinner(a);
	if (soak_random(a->s, 2))
		segreg_close(a->reg, NULL);
	_exit(0);
}

static void become_another(struct actor *a)
{
	char role[16], number[16], random[32];

	snprintf(role, sizeof(role), "%d", a->role);
	snprintf(number, sizeof(number), "%u", a->number);
	snprintf(random, sizeof(random), "%" PRIu64, a->s->random);
	count(&a->s->ledger->execs);
	execl("/proc/self/exe", "segreg-soak", "--role", role, number, a->s->dir, random, (char *)NULL);
	_exit(0);
}

/* Never an editor in the middle of an edit: its intent is not active here. */
static void do_something_odd(struct actor *a)
{
	pthread_t thread;

	switch (soak_random(a->s, 6)) {
	case 0:
		if (pthread_create(&thread, NULL, pin_and_leave, a) == 0)
			pthread_join(thread, NULL);
		return;
	case 1:
		fork_one(a);
		return;
	case 2:
		become_another(a);
		return;
	case 3:
		count(&a->s->ledger->closes);
		closefrom(3);
		return;
	case 4:
		count(&a->s->ledger->crashes);
		raise(soak_random(a->s, 2) ? SIGSEGV : SIGABRT);
		return;
	default:
		start_over(a);
		return;
	}
}

void role_play(struct soak *s, enum role role, uint32_t number)
{
	static void (*const acts[])(struct actor *) = { act_editor,  act_pinner,   act_snapper,
							act_sweeper, act_observer, act_evictor };
	struct actor a = { .s = s, .role = role, .number = number };

	open_registry(&a);
	if (role == EDITOR)
		ledger_settle(s, a.reg, number);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		acts[role](&a);
		if (!soak_random(s, 200))
			do_something_odd(&a);
		if (__atomic_load_n(&s->ledger->is_violated, __ATOMIC_RELAXED))
			_exit(1);
	}
}
