/*
 * leases.h - what the suites of retention leases share: putting them, and listing them.
 */
#ifndef LEASES_H
#define LEASES_H

#include "harness.h"
#include "world.h"

#include <string.h>

static inline int put_floor(struct segreg *reg, const char *name, uint64_t floor)
{
	return segreg_lease_put(reg, name, floor, NULL, 0);
}

static inline int put_listed(struct segreg *reg, const char *name, uint64_t id)
{
	const struct segreg_lease_item item = { .id = id };

	return segreg_lease_put(reg, name, SEGREG_LEASE_LISTED, &item, 1);
}

struct leases {
	unsigned n;
	struct {
		char name[SEGREG_LEASE_NAME_MAX + 1], by[SEGREG_LABEL_SIZE];
		uint64_t floor;
		size_t items;
		struct segreg_lease_item first;
		int64_t put_at, changed_at, pid;
	} lease[8];
};

static inline int note_lease(void *arg, const struct segreg_lease *lease)
{
	struct leases *all = arg;

	T_CHECK(all->n < 8);
	strcpy(all->lease[all->n].name, lease->name);
	strcpy(all->lease[all->n].by, lease->by_label);
	all->lease[all->n].floor = lease->floor;
	all->lease[all->n].items = lease->n;
	if (lease->n)
		all->lease[all->n].first = lease->items[0];
	all->lease[all->n].put_at = lease->put_at;
	all->lease[all->n].changed_at = lease->changed_at;
	all->lease[all->n].pid = lease->by_pid;
	all->n++;
	return 0;
}

static inline struct leases leases_of(struct segreg *reg)
{
	struct leases all = { .n = 0 };

	T_OK(segreg_lease_list(reg, note_lease, &all));
	return all;
}

#endif
