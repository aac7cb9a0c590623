/*
 * look.c - one look at what retired segments keep, and at the handles and processes that hold them.
 *
 * First all holds are read, then the handles: holds of a handle that is gone are dropped. Then each retired segment is
 * met once. Two binary searches find the snapshots in which the segment is, and one finds its horizons. The handles of
 * a range of snapshots are found without looking at each of them (spans.c). Pins are found by a binary search. So the
 * time of a segment grows with the logarithm of the number of holds, and with the number of its pins.
 *
 * A segment that was retired after the holds were read may have holds that the look does not know. So segments of later
 * versions than the first that was read are left out.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segreg.h"
#include "common/now.h"
#include "segctl/ctl.h"
#include "segctl/look.h"
#include "segctl/look_holders.h"
#include "segctl/measures.h"
#include "segctl/process.h"
#include "segctl/progress.h"

/* ------------------------------------------------------------------ segments */

void ctl_sum_merge(struct ctl_sum *sum, const struct ctl_sum *more)
{
	sum->segments += more->segments;
	sum->bytes += more->bytes;
	sum->unmeasured += more->unmeasured;
	if (more->since && (!sum->since || more->since < sum->since))
		sum->since = more->since;
}

void ctl_sum_add(struct ctl_sum *sum, const struct segreg_info *info, uint64_t bytes, bool is_measured)
{
	ctl_sum_merge(sum,
		      &(struct ctl_sum){
			      .segments = 1, .bytes = bytes, .unmeasured = !is_measured, .since = info->retired_at });
}

struct walk {
	const struct ctl *ctl;
	const struct ctl_look_options *options;
	struct ctl_look *look;
	int64_t now;
	int base; /* the directory, or -1 */
	/* The last segment without pins: one that the same snapshots and horizons hold is in the same group. */
	size_t begin, end, horizons, floors;
	uint32_t group;
	bool has_last;
	/* Segments that are not measured yet, and what is known of them. */
	struct ctl_measure *measures;
	struct ctl_kept *kept;
	size_t n;
};

static size_t find_pins(const struct ctl_look *look, uint64_t id)
{
	size_t low = 0, high = look->n_pins;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (look->pins[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_wanted(const struct walk *walk, const uint64_t *set)
{
	const struct ctl_look *look = walk->look;
	size_t i;

	if (!walk->options->pid && !walk->options->user)
		return true;
	CTL_SET_EACH(i, set, look->sets.words)
	{
		const struct segreg_holder *holder = &look->handles[i].holder;

		if ((!walk->options->pid || holder->pid == walk->options->pid) &&
		    (!walk->options->user || ctl_process_is_user(holder->uid, walk->options->user)))
			return true;
	}
	return false;
}

/* Returns the number of the set; CTL_SETS_NONE: memory is short. */
static uint32_t find_group(struct walk *walk, const uint64_t *set)
{
	struct ctl_look *look = walk->look;
	uint32_t group = ctl_sets_find(&look->sets, set);
	void *more;

	if (group == CTL_SETS_NONE || group < look->n_groups)
		return group;
	more = ctl_look_make_room(look->groups, look->n_groups, &look->groups_room, sizeof *look->groups);
	if (!more)
		return CTL_SETS_NONE;
	look->groups = more;
	look->groups[look->n_groups++] = (struct ctl_group){ .is_wanted = is_wanted(walk, set) };
	return group;
}

/* Find the group of a pending segment, and count what holds it. */
static uint32_t group_pending(struct walk *walk, const struct segreg_info *info, struct ctl_kept *kept)
{
	struct ctl_look *look = walk->look;
	size_t begin = ctl_spans_find(&look->snapshots, info->born),
	       end = ctl_spans_find(&look->snapshots, info->retired),
	       horizons = ctl_spans_find(&look->horizons, info->retired),
	       floors = ctl_spans_find(&look->floors, info->retired);
	bool is_pinned = (info->pins || look->n_listed) && look->n_pins;

	kept->snapshots = end > begin ? end - begin : 0;
	kept->horizons = horizons;
	kept->leases = floors;
	if (!is_pinned && walk->has_last && walk->begin == begin && walk->end == end && walk->horizons == horizons &&
	    walk->floors == floors)
		return walk->group;
	memset(look->set, 0, look->sets.words * sizeof *look->set);
	if (end > begin)
		ctl_spans_collect(&look->snapshots, begin, end, look->set);
	ctl_spans_collect(&look->horizons, 0, horizons, look->set);
	ctl_spans_collect(&look->floors, 0, floors, look->set);
	for (size_t i = is_pinned ? find_pins(look, info->id) : look->n_pins;
	     i < look->n_pins && look->pins[i].id == info->id; i++)
		if (!look->pins[i].born || look->pins[i].born == info->born) {
			kept->leases += look->pins[i].born && !ctl_set_has(look->set, look->pins[i].handle);
			ctl_set_add(look->set, look->pins[i].handle);
		}
	walk->has_last = !is_pinned;
	walk->begin = begin;
	walk->end = end;
	walk->horizons = horizons;
	walk->floors = floors;
	return walk->group = find_group(walk, look->set);
}

/* ------------------------------------------------------------------ the largest segments */

static bool is_larger(const struct ctl_row *a, const struct ctl_row *b)
{
	return a->bytes != b->bytes ? a->bytes > b->bytes : a->id < b->id;
}

static int by_size(const void *a, const void *b)
{
	return is_larger(b, a) - is_larger(a, b);
}

/* The rows are a heap with the smallest on top. Put row in the place at, or further up. */
static void rise(struct ctl_row *rows, size_t at, struct ctl_row row)
{
	for (; at && is_larger(&rows[(at - 1) / 2], &row); at = (at - 1) / 2)
		rows[at] = rows[(at - 1) / 2];
	rows[at] = row;
}

/* Put row in the place of the smallest, or further down. */
static void sink(struct ctl_row *rows, size_t n, struct ctl_row row)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < n) {
		if (child + 1 < n && is_larger(&rows[child], &rows[child + 1]))
			child++;
		if (!is_larger(&row, &rows[child]))
			break;
		rows[at] = rows[child];
		at = child;
	}
	rows[at] = row;
}

static int add_row(struct walk *walk, const struct ctl_kept *kept)
{
	struct ctl_look *look = walk->look;
	struct ctl_row row = {
		.id = kept->info->id,
		.bytes = kept->bytes,
		.snapshots = kept->snapshots,
		.horizons = kept->horizons,
		.leases = kept->leases,
		.group = kept->group,
		.is_measured = kept->is_measured,
	};

	if (look->n_rows < walk->options->n_rows) {
		void *more = ctl_look_make_room(look->rows, look->n_rows, &look->rows_room, sizeof *look->rows);

		if (!more)
			return SEGREG_E_NOMEM;
		look->rows = more;
		rise(look->rows, look->n_rows++, row);
	} else if (look->n_rows && is_larger(&row, look->rows)) {
		sink(look->rows, look->n_rows, row);
	}
	return 0;
}

/* ------------------------------------------------------------------ the walk */

static int count(struct walk *walk, const struct ctl_kept *kept)
{
	struct ctl_look *look = walk->look;
	const struct segreg_info *info = kept->info;
	struct ctl_sum *kind = kept->group ? &look->held : info->error ? &look->failed : &look->waiting;
	int code;

	ctl_sum_add(&look->groups[kept->group].sum, info, kept->bytes, kept->is_measured);
	ctl_sum_add(&look->all, info, kept->bytes, kept->is_measured);
	ctl_sum_add(kind, info, kept->bytes, kept->is_measured);
	look->has_abandoned |= info->is_abandoned;
	code = add_row(walk, kept);
	return code || !walk->options->fn ? code : walk->options->fn(walk->options->arg, look, kept);
}

/* Measure the segments that are not measured yet, and count them. */
static int finish(struct walk *walk)
{
	int code = 0;

	ctl_measures(walk->base, segreg_base_path(walk->ctl->reg), walk->measures, walk->n);
	for (size_t i = 0; i < walk->n && !code; i++) {
		struct ctl_kept *kept = &walk->kept[i];

		kept->info = &walk->measures[i].info;
		kept->bytes = walk->measures[i].bytes;
		kept->is_measured = walk->measures[i].is_measured;
		code = count(walk, kept);
	}
	walk->n = 0;
	ctl_progress_show("measuring: %" PRIu64 " segments", walk->look->all.segments);
	return code;
}

static int see_segment(void *arg, const struct segreg_info *info)
{
	struct walk *walk = arg;
	struct ctl_look *look = walk->look;
	struct ctl_kept kept = { .group = 0 };

	if (info->retired > look->version)
		return 0;
	ctl_look_see_retired(look, info);
	if (walk->options->older && (!info->retired_at || walk->now - info->retired_at < walk->options->older))
		return 0;
	kept.group = info->state == SEGREG_PENDING ? group_pending(walk, info, &kept) : 0;
	if (kept.group == CTL_SETS_NONE)
		return SEGREG_E_NOMEM;
	if (!look->groups[kept.group].is_wanted)
		return 0;
	walk->measures[walk->n].info = *info;
	strcpy(walk->measures[walk->n].path, info->path);
	walk->kept[walk->n++] = kept;
	return walk->n == CTL_MEASURES ? finish(walk) : 0;
}

static int walk_segments(struct walk *walk)
{
	const char *base = segreg_base_path(walk->ctl->reg);
	int code = SEGREG_E_NOMEM;

	walk->base = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	walk->measures = calloc(CTL_MEASURES, sizeof *walk->measures);
	walk->kept = calloc(CTL_MEASURES, sizeof *walk->kept);
	if (walk->measures && walk->kept)
		code = segreg_list_retired(walk->ctl->reg, see_segment, walk);
	if (!code)
		code = finish(walk);
	if (walk->base != -1)
		close(walk->base);
	free(walk->measures);
	free(walk->kept);
	ctl_progress_end();
	return code;
}

/* ------------------------------------------------------------------ what each holds */

/* The set of the processes of a set of handles. */
static uint32_t find_process_set(struct ctl_look *look, uint32_t group, uint64_t *scratch)
{
	size_t i;

	memset(scratch, 0, look->process_sets.words * sizeof *scratch);
	CTL_SET_EACH(i, ctl_sets_get(&look->sets, group), look->sets.words)
	{
		ctl_set_add(scratch, look->handles[i].process);
		ctl_sum_merge(&look->handles[i].held, &look->groups[group].sum);
	}
	return ctl_sets_find(&look->process_sets, scratch);
}

/* Give each process of a set what the set holds. Returns the one whose end gives it back; NULL: there is none. */
static const struct ctl_holder *blame(struct ctl_look *look, uint32_t number)
{
	const uint64_t *set = ctl_sets_get(&look->process_sets, number);
	const struct ctl_sum *sum = &look->process_groups[number];
	struct ctl_holder *living = NULL, *any = NULL;
	unsigned n_living = 0, n = 0;
	size_t i;

	CTL_SET_EACH(i, set, look->process_sets.words)
	{
		any = &look->holders[i];
		ctl_sum_merge(&any->held, sum);
		n++;
		n_living += !any->is_dead;
		living = any->is_dead ? living : any;
	}
	if (n_living != 1)
		living = n == 1 ? any : NULL;
	if (living)
		living->alone += sum->bytes;
	return living;
}

/* Give the handles of that process what comes back. */
static void blame_handles(struct ctl_look *look, uint32_t group, const struct ctl_holder *holder)
{
	size_t i;

	CTL_SET_EACH(i, ctl_sets_get(&look->sets, group), look->sets.words)
	if (&look->holders[look->handles[i].process] == holder)
		look->handles[i].alone += look->groups[group].sum.bytes;
}

static int sum_up(struct ctl_look *look)
{
	const struct ctl_holder **alone;
	uint64_t *scratch;
	bool has_memory;

	look->process_groups = calloc(look->sets.n, sizeof *look->process_groups);
	if (!look->process_groups || !ctl_sets_begin(&look->process_sets, look->n_holders))
		return SEGREG_E_NOMEM;
	scratch = calloc(look->process_sets.words, sizeof *scratch);
	for (uint32_t group = 0; group < look->sets.n && scratch; group++) {
		uint32_t number = find_process_set(look, group, scratch);

		if (number == CTL_SETS_NONE) {
			free(scratch);
			return SEGREG_E_NOMEM;
		}
		look->groups[group].process_set = number;
		ctl_sum_merge(&look->process_groups[number], &look->groups[group].sum);
	}
	alone = calloc(look->process_sets.n, sizeof *alone);
	for (uint32_t number = 1; number < look->process_sets.n && alone; number++)
		alone[number] = blame(look, number);
	for (uint32_t group = 1; group < look->sets.n && alone; group++)
		blame_handles(look, group, alone[look->groups[group].process_set]);
	has_memory = scratch && alone;
	free(alone);
	free(scratch);
	return has_memory ? 0 : SEGREG_E_NOMEM;
}

int ctl_look(const struct ctl *ctl, const struct ctl_look_options *options, struct ctl_look *look)
{
	struct walk walk = { .ctl = ctl, .options = options, .look = look, .now = tool_now_real() };
	int code;

	*look = (struct ctl_look){ .n_handles = 0 };
	tool_served_read(ctl->dir, &look->served);
	code = ctl_look_read_holders(ctl, look);
	if (!code && find_group(&walk, look->set) == CTL_SETS_NONE) /* the empty set */
		code = SEGREG_E_NOMEM;
	if (!code)
		code = walk_segments(&walk);
	ctl_look_finish_ages(look);
	if (!code)
		code = sum_up(look);
	if (!code && look->n_rows)
		qsort(look->rows, look->n_rows, sizeof *look->rows, by_size);
	return code;
}

void ctl_look_free(struct ctl_look *look)
{
	ctl_spans_free(&look->snapshots);
	ctl_spans_free(&look->horizons);
	ctl_spans_free(&look->floors);
	ctl_sets_free(&look->sets);
	ctl_sets_free(&look->process_sets);
	free(look->handles);
	free(look->holders);
	free(look->order);
	free(look->by_oldest);
	free(look->pins);
	free(look->groups);
	free(look->process_groups);
	free(look->rows);
	free(look->set);
}
