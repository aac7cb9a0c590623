/*
 * look_holders.c - the holds, handles and processes of a look.
 */
#include <stdio.h>
#include <stdlib.h>

#include "segreg.h"
#include "segctl/look_holders.h"
#include "segctl/process.h"

/* ------------------------------------------------------------------ holds and handles */

void *ctl_look_make_room(void *items, size_t n, size_t *room, size_t size)
{
	size_t wanted = *room ? 2 * *room : 64;
	void *more = n < *room ? items : reallocarray(items, wanted, size);

	if (more && n == *room)
		*room = wanted;
	return more;
}

static int add_pins(struct ctl_look *look, struct ctl_pins pins)
{
	void *more = ctl_look_make_room(look->pins, look->n_pins, &look->pins_room, sizeof *look->pins);

	if (!more)
		return SEGREG_E_NOMEM;
	look->pins = more;
	look->pins[look->n_pins++] = pins;
	return 0;
}

static int add_hold(void *arg, const struct segreg_hold *hold)
{
	struct ctl_look *look = arg;
	struct ctl_span span = { .version = hold->version, .handle = hold->lane, .epoch = hold->epoch };

	if (hold->kind != SEGREG_HOLD_PINS)
		return ctl_spans_add(hold->kind == SEGREG_HOLD_HORIZON ? &look->horizons : &look->snapshots, span)
			       ? 0
			       : SEGREG_E_NOMEM;
	return add_pins(look, (struct ctl_pins){ .id = hold->id, .handle = hold->lane, .epoch = hold->epoch });
}

struct handles {
	struct ctl_look *look;
	size_t room;
};

static int add_handle(void *arg, const struct segreg_holder *holder)
{
	struct handles *handles = arg;
	struct ctl_look *look = handles->look;
	struct ctl_handle *handle;
	void *more = ctl_look_make_room(look->handles, look->n_handles, &handles->room, sizeof *look->handles);

	if (!more)
		return SEGREG_E_NOMEM;
	look->handles = more;
	handle = &look->handles[look->n_handles++];
	*handle = (struct ctl_handle){ .holder = *holder };
	snprintf(handle->label, sizeof handle->label, "%s", holder->label);
	handle->holder.label = NULL; /* the array moves */
	return 0;
}

static int add_lease(void *arg, const struct segreg_lease *lease)
{
	struct handles *handles = arg;
	struct ctl_look *look = handles->look;
	struct segreg_holder holder = { .lane = CTL_LEASES + (uint32_t)look->n_leases++,
					.is_foreign = 1,
					.uid = lease->by_uid,
					.attached_at = lease->put_at,
					.label = lease->name };
	int code;

	if (lease->floor != SEGREG_LEASE_LISTED) {
		holder.horizons = 1;
		holder.oldest = lease->floor;
		if (!ctl_spans_add(&look->floors, (struct ctl_span){ .version = lease->floor, .handle = holder.lane }))
			return SEGREG_E_NOMEM;
	}
	holder.pins = lease->n;
	code = add_handle(arg, &holder);
	if (!code)
		look->handles[look->n_handles - 1].is_lease = true;
	for (size_t i = 0; i < lease->n && !code; i++)
		code = add_pins(look, (struct ctl_pins){ .id = lease->items[i].id,
							 .born = lease->items[i].born,
							 .handle = holder.lane });
	look->n_listed += lease->n;
	return code;
}

struct ctl_handle *ctl_look_find(const struct ctl_look *look, uint32_t lane, uint32_t epoch)
{
	size_t low = 0, high = look->n_handles;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (look->handles[middle].holder.lane < lane)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == look->n_handles || look->handles[low].holder.lane != lane ||
	    look->handles[low].holder.epoch != epoch)
		return NULL;
	return &look->handles[low];
}

/* Put indexes of handles for their lanes; drop the holds of handles that are gone. */
static bool name_spans(const struct ctl_look *look, struct ctl_spans *spans)
{
	size_t n = 0;

	for (size_t i = 0; i < spans->n; i++) {
		struct ctl_span span = spans->items[i];
		const struct ctl_handle *handle = ctl_look_find(look, span.handle, span.epoch);

		if (!handle)
			continue;
		span.handle = (uint32_t)(handle - look->handles);
		spans->items[n++] = span;
	}
	spans->n = n;
	return ctl_spans_sort(spans, look->n_handles);
}

static int by_segment(const void *a, const void *b)
{
	const struct ctl_pins *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static void name_pins(struct ctl_look *look)
{
	size_t n = 0;

	for (size_t i = 0; i < look->n_pins; i++) {
		struct ctl_pins pins = look->pins[i];
		const struct ctl_handle *handle = ctl_look_find(look, pins.handle, pins.epoch);

		if (!handle)
			continue;
		pins.handle = (uint32_t)(handle - look->handles);
		look->pins[n++] = pins;
	}
	look->n_pins = n;
	if (n)
		qsort(look->pins, n, sizeof *look->pins, by_segment);
}

/* ------------------------------------------------------------------ processes */

static int by_process(const void *a, const void *b, void *arg)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	const struct ctl_handle *handles = arg;
	const struct segreg_holder *x = &handles[i].holder, *y = &handles[j].holder;

	if (!x->is_foreign != !y->is_foreign)
		return !x->is_foreign < !y->is_foreign ? 1 : -1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (i > j) - (i < j);
}

static bool is_same_process(const struct segreg_holder *a, const struct segreg_holder *b)
{
	return !a->is_foreign && !b->is_foreign && a->pid == b->pid;
}

static void add_to_process(struct ctl_look *look, struct ctl_handle *handle)
{
	struct ctl_holder *holder = &look->holders[look->n_holders - 1];

	handle->process = (uint32_t)(look->n_holders - 1);
	holder->n++;
	holder->pins += handle->holder.pins;
	holder->snapshots += handle->holder.snapshots;
	holder->horizons += handle->holder.horizons;
	if (handle->holder.oldest && (!holder->oldest || handle->holder.oldest < holder->oldest))
		holder->oldest = handle->holder.oldest;
}

static int find_processes(struct ctl_look *look)
{
	const struct segreg_holder *last = NULL;

	look->order = calloc(look->n_handles + 1, sizeof *look->order);
	look->holders = calloc(look->n_handles + 1, sizeof *look->holders);
	if (!look->order || !look->holders)
		return SEGREG_E_NOMEM;
	for (size_t i = 0; i < look->n_handles; i++)
		look->order[i] = (uint32_t)i;
	if (look->n_handles)
		qsort_r(look->order, look->n_handles, sizeof *look->order, by_process, look->handles);
	for (size_t i = 0; i < look->n_handles; i++) {
		struct ctl_handle *handle = &look->handles[look->order[i]];

		if (!last || !is_same_process(last, &handle->holder))
			look->holders[look->n_holders++] = (struct ctl_holder){
				.first = (uint32_t)i,
				.is_foreign = handle->holder.is_foreign,
				.is_lease = handle->is_lease,
				.is_dead = ctl_process_is_dead(&handle->holder),
				.pid = handle->holder.pid,
				.uid = handle->holder.uid,
			};
		add_to_process(look, handle);
		last = &handle->holder;
	}
	return 0;
}

/* ------------------------------------------------------------------ ages */

static int by_version(const void *a, const void *b, void *arg)
{
	const struct ctl_handle *handles = arg, *x = &handles[*(const uint32_t *)a],
				*y = &handles[*(const uint32_t *)b];

	if (x->holder.oldest != y->holder.oldest)
		return x->holder.oldest < y->holder.oldest ? -1 : 1;
	return (x > y) - (x < y);
}

static int order_by_oldest(struct ctl_look *look)
{
	look->by_oldest = calloc(look->n_handles + 1, sizeof *look->by_oldest);
	if (!look->by_oldest)
		return SEGREG_E_NOMEM;
	for (uint32_t i = 0; i < look->n_handles; i++)
		if (look->handles[i].holder.snapshots + look->handles[i].holder.horizons)
			look->by_oldest[look->n_oldest++] = i;
	if (look->n_oldest)
		qsort_r(look->by_oldest, look->n_oldest, sizeof *look->by_oldest, by_version, look->handles);
	return 0;
}

static void see_time(struct ctl_handle *handle, int64_t at)
{
	if (at && (!handle->oldest_since || at < handle->oldest_since))
		handle->oldest_since = at;
}

/* The newest of the snapshots that are older than the retirement learns its time; the others learn it at the end. */
void ctl_look_see_retired(const struct ctl_look *look, const struct segreg_info *info)
{
	size_t low = 0, high = look->n_oldest;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (look->handles[look->by_oldest[middle]].holder.oldest < info->retired)
			low = middle + 1;
		else
			high = middle;
	}
	if (low)
		see_time(&look->handles[look->by_oldest[low - 1]], info->retired_at);
}

void ctl_look_finish_ages(const struct ctl_look *look)
{
	for (size_t i = look->n_oldest; i-- > 1;)
		see_time(&look->handles[look->by_oldest[i - 1]], look->handles[look->by_oldest[i]].oldest_since);
}

int ctl_look_read_holders(const struct ctl *ctl, struct ctl_look *look)
{
	struct handles handles = { .look = look };
	int code = segreg_version(ctl->reg, &look->version);

	if (!code)
		code = segreg_holds(ctl->reg, add_hold, look);
	if (!code)
		code = segreg_lanes(ctl->reg, add_handle, &handles);
	if (!code)
		code = segreg_lease_list(ctl->reg, add_lease, &handles);
	if (!code)
		code = find_processes(look);
	if (!code)
		code = order_by_oldest(look);
	if (code)
		return code;
	name_pins(look);
	look->set = calloc(look->n_handles / 64 + 1, sizeof *look->set);
	if (!look->set || !name_spans(look, &look->snapshots) || !name_spans(look, &look->horizons) ||
	    !name_spans(look, &look->floors) || !ctl_sets_begin(&look->sets, look->n_handles))
		return SEGREG_E_NOMEM;
	return 0;
}
