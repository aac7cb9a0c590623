/*
 * segreg_hold.c - the public calls that hold segments: pins, maps, snapshots and horizons. A public call checks its
 * arguments here, once, and then calls down.
 */
#include "segreg_args.h"
#include "edit/sr_lease.h"
#include "hold/sr_map.h"
#include "hold/sr_pin.h"
#include "hold/sr_snapshot.h"

#include <stdio.h>

/* ---------------------------------------------------------------- pins */

static SR_COLD int pin_checked(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
{
	int rc = sr_check_handle(reg);

	if (!rc && (!pin || flags & ~SEGREG_PIN_LIVE))
		rc = sr_invalid("nowhere to put the pin, or unknown flags");
	return rc ? rc : sr_pin(reg, id, flags, pin);
}

SR_HOT int segreg_pin(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin)
{
	return sr_is_ready(reg) && pin && !(flags & ~SEGREG_PIN_LIVE) ? sr_pin(reg, id, flags, pin)
								      : pin_checked(reg, id, flags, pin);
}

int segreg_pin_many(struct segreg *reg, const uint64_t *ids, size_t n, unsigned flags, struct segreg_pin *pins)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if ((n && (!ids || !pins)) || flags & ~SEGREG_PIN_LIVE)
		return sr_invalid("no ids, nowhere to put the pins, or unknown flags");
	return sr_pin_many(reg, ids, n, flags, pins);
}

static SR_COLD int unpin_checked(struct segreg *reg, struct segreg_pin *pin)
{
	int rc = sr_check_handle(reg);

	if (!rc && !pin)
		rc = sr_invalid("no pin");
	return rc ? rc : sr_unpin(reg, pin);
}

SR_HOT int segreg_unpin(struct segreg *reg, struct segreg_pin *pin)
{
	return sr_is_ready(reg) && pin ? sr_unpin(reg, pin) : unpin_checked(reg, pin);
}

int segreg_unpin_many(struct segreg *reg, struct segreg_pin *pins, size_t n)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, pins || !n, "no pins");

	return rc ? rc : sr_unpin_many(reg, pins, n);
}

int segreg_pin_receive(struct segreg *reg, const struct segreg_pin *theirs, struct segreg_pin *pin)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	return theirs && pin ? sr_pin_receive(reg, theirs, pin) : sr_invalid("no pin, or nowhere to put it");
}

int segreg_pin_path(struct segreg *reg, const struct segreg_pin *pin, char *buf, size_t size)
{
	const char *base;
	char path[SEGREG_PATH_MAX + 1];
	int rc = sr_check_handle_and(reg, pin, "no pin");

	if (!rc)
		rc = sr_map_path(reg, pin, path);
	if (rc)
		return rc;
	base = reg->registry->base.path;
	if (!buf || strlen(base) + 1 + strlen(path) >= size)
		return sr_invalid("the buffer is too small for the path");
	sprintf(buf, "%s/%s", base[1] ? base : "", path);
	return 0;
}

int segreg_pin_open(struct segreg *reg, const struct segreg_pin *pin, const char *file, int *fd)
{
	SR_UNCANCELLED();
	int rc;

	if (!fd || (file && !*file))
		return sr_invalid("nowhere to put the descriptor, or an empty file name");
	rc = sr_check_handle_and(reg, pin, "no pin");
	return rc ? rc : sr_map_open(reg, pin, file, fd);
}

int segreg_map(struct segreg *reg, uint64_t id, const char *file, unsigned flags, struct segreg_map *map)
{
	SR_UNCANCELLED();
	int rc;

	if (!map)
		return sr_invalid("nowhere to put the map");
	rc = sr_check_handle(reg);
	if (rc)
		return rc;
	if (flags & ~SEGREG_PIN_LIVE || (file && !*file))
		return sr_invalid("unknown flags, or an empty file name");
	return sr_map_make(reg, id, file, flags, map);
}

int segreg_unmap(struct segreg *reg, struct segreg_map *map)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, map, "no map");

	return rc ? rc : sr_map_end(reg, map);
}

/* ---------------------------------------------------------------- snapshots */

#define HAS_NO_SET "a horizon has no set of segments to walk; trade it for a snapshot"

static bool is_kind(enum segreg_snapshot_kind kind)
{
	return kind == SEGREG_SNAPSHOT || kind == SEGREG_HORIZON;
}

SR_HOT int segreg_snapshot_take(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot)
{
	int rc = sr_check_handle(reg);

	if (SR_UNLIKELY(rc))
		return rc;
	if (!snapshot || !is_kind(kind))
		return sr_invalid("nowhere to put the snapshot, or an unknown kind");
	return sr_snapshot_take(reg, kind, snapshot);
}

SR_HOT int segreg_snapshot_release(struct segreg *reg, struct segreg_snapshot *snapshot)
{
	int rc = sr_check_handle(reg);

	if (SR_UNLIKELY(rc))
		return rc;
	return snapshot ? sr_snapshot_release(reg, snapshot) : sr_invalid("no snapshot");
}

int segreg_snapshot_trade(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	return snapshot && is_kind(kind) ? sr_snapshot_trade(reg, kind, snapshot)
					 : sr_invalid("no snapshot, or an unknown kind");
}

int segreg_snapshot_receive(struct segreg *reg, const struct segreg_snapshot *theirs, struct segreg_snapshot *snapshot)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if (!theirs || !snapshot || !is_kind(theirs->kind))
		return sr_invalid("no snapshot, or nowhere to put it");
	return sr_snapshot_receive(reg, theirs, snapshot);
}

int segreg_snapshot_next(struct segreg *reg, const struct segreg_snapshot *snapshot, struct segreg_entry *entry)
{
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if (!snapshot || !entry || !sr_snapshot_knows(entry->size))
		return sr_invalid("no snapshot, no entry, or its size is not set");
	if (snapshot->kind == SEGREG_HORIZON)
		return sr_invalid(HAS_NO_SET);
	return sr_snapshot_next(reg, snapshot, entry);
}

int segreg_snapshot_list(struct segreg *reg, const struct segreg_snapshot *snapshot, enum segreg_order order,
			 segreg_snapshot_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if (!snapshot || !fn || (order != SEGREG_BY_ID && order != SEGREG_BY_PATH))
		return sr_invalid("no snapshot, no function to call, or an unknown order");
	if (snapshot->kind == SEGREG_HORIZON)
		return sr_invalid(HAS_NO_SET);
	return sr_snapshot_list(reg, snapshot, order, fn, arg);
}

int segreg_snapshot_find(struct segreg *reg, const struct segreg_snapshot *snapshot, uint64_t id,
			 struct segreg_entry *entry)
{
	struct segreg_entry found = { .size = sizeof(found) };
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if (!snapshot || !entry || !sr_snapshot_knows(entry->size))
		return sr_invalid("no snapshot, no entry, or its size is not set");
	if (snapshot->kind == SEGREG_HORIZON)
		return sr_invalid(HAS_NO_SET);
	found.cursor = entry->cursor;
	rc = sr_snapshot_find(reg, snapshot, id, &found);
	if (!rc)
		sr_copy_out(entry, entry->size, &found, sizeof(found));
	return rc;
}

/* ---------------------------------------------------------------- leases */

/* A name that a terminal, a path and a list of words can show as it is. */
static bool is_lease_name(const char *name)
{
	size_t length = strnlen(name, SEGREG_LEASE_NAME_MAX + 1);

	if (!length || length > SEGREG_LEASE_NAME_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= 'A' && name[i] <= 'Z') &&
		    !(name[i] >= '0' && name[i] <= '9') && !strchr("._:@+-", name[i]))
			return false;
	return true;
}

static int check_lease(struct segreg *reg, const char *name)
{
	int rc = sr_check_handle_and(reg, name, "no name of a lease");

	return rc || is_lease_name(name)
		       ? rc
		       : sr_invalid("the name of a lease has 1 to 63 letters, digits or characters of ._:@+-");
}

int segreg_lease_put(struct segreg *reg, const char *name, uint64_t floor, const struct segreg_lease_item *items,
		     size_t n)
{
	SR_UNCANCELLED();
	int rc = check_lease(reg, name);

	if (rc)
		return rc;
	if (n > SEGREG_LEASE_ITEMS_MAX || (n && !items))
		return sr_invalid("more than SEGREG_LEASE_ITEMS_MAX segments for a lease, or no segments");
	return sr_lease_put(reg, name, floor, items, n);
}

int segreg_lease_drop(struct segreg *reg, const char *name)
{
	SR_UNCANCELLED();
	int rc = check_lease(reg, name);

	return rc ? rc : sr_lease_drop(reg, name);
}

int segreg_lease_list(struct segreg *reg, segreg_lease_fn *fn, void *arg)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, fn, "no function to call");

	return rc ? rc : sr_lease_list(reg, fn, arg);
}

int segreg_lease_holds(const struct segreg_lease *lease, uint64_t id, uint64_t born, uint64_t retired)
{
	if (!lease)
		return 0;
	if (lease->floor < (retired ? retired : SR_NOT_RETIRED))
		return 1;
	for (size_t least = 0, most = lease->n; least < most;) {
		size_t middle = least + (most - least) / 2;
		const struct segreg_lease_item *item = &lease->items[middle];

		if (item->id == id && item->born == born)
			return 1;
		if (item->id < id || (item->id == id && item->born < born))
			least = middle + 1;
		else
			most = middle;
	}
	return 0;
}
