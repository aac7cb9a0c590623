/*
 * sr_reclaim.c - freeing the lanes of dead processes.
 *
 * Reclaiming must not free a lane that lives. So the reclaimer holds the lane's byte itself. Two threads of one process
 * exclude each other too, since each hold is an open file of its own. Under the table lock the reclaimer checks that
 * the lane is still used in the same epoch, and empties it. Then it releases the byte. A new owner cannot come in
 * between, since it would need the byte. Without the byte, a second reclaimer could read the epoch that the first has
 * just written, and empty the lane under its new owner.
 *
 * Each question for a lock, and each taking, walks the kernel's list of all locks of the file. So the bytes of dead
 * lanes in a row are asked for and taken at once. If the reclaimer is stopped then, no process can get these lanes. So
 * a piece is at most a 64th of all lanes.
 */
#include "registry/sr_reclaim.h"
#include "sys/sr_error.h"
#include "registry/sr_lane.h"
#include "registry/sr_living.h"
#include "registry/sr_notes.h"

#include <errno.h>
#include <string.h>

#define PIECE 64u       /* lanes that are asked for at once, at most; emptied under one hold of the table lock */
#define HOLD_NS 1000000 /* nanoseconds for which the table lock is held, about: then others have their turn */

/* Consecutive lanes that are not known to live. */
struct suspects {
	struct suspect {
		uint32_t lane, epoch;
	} of[PIECE];
	uint32_t n;
};

/* Find the taken lanes from lane on, up to the first that is free or known to live. Returns the lane after the last
 * of them. */
static uint32_t find_suspects(const struct sr_region *region, const struct sr_living *living, uint32_t lane,
			      uint32_t top, struct suspects *suspects)
{
	uint32_t share = region->geometry.max_lanes / 64, piece = share < 1 ? 1 : share < PIECE ? share : PIECE;
	uint32_t end = top - lane < piece ? top : lane + piece;

	suspects->n = 0;
	for (; lane < end && !sr_living_has(living, lane); lane++) {
		const struct sr_lane *head = sr_region_lane(region, lane);
		uint32_t epoch = sr_load_acquire_u32(&head->epoch);

		if (!sr_lane_is_taken(head))
			break;
		suspects->of[suspects->n++] = (struct suspect){ .lane = lane, .epoch = epoch };
	}
	return lane;
}

/* Empty the lane of a dead owner, unless another process has done so. [table] */
static bool reclaim_lane(struct segreg *reg, const struct suspect *suspect, struct sr_reclaimed *dead)
{
	const struct sr_region *region = &reg->region;
	struct sr_lane *lane = sr_region_lane(region, suspect->lane);
	struct sr_note note;

	if (!sr_lane_is_taken(lane) || lane->epoch != suspect->epoch)
		return false;
	note = sr_lane_note(region, suspect->lane, SEGREG_LOG_RECLAIMED);
	dead->lane = suspect->lane;
	dead->pid = lane->pid;
	memcpy(dead->label, lane->label, sizeof(dead->label));
	dead->label[sizeof(dead->label) - 1] = '\0';
	dead->pins = sr_lane_empty(region, suspect->lane);
	region->header->reclaimed++;
	region->header->reclaimed_pins += dead->pins;
	note.pins = dead->pins;
	memcpy(note.by_label, reg->attachment->label, sizeof(note.by_label));
	sr_notes_add(region, note);
	return true;
}

/* Empty the lanes of suspects from *at on, until all are empty or the table lock was held for HOLD_NS. Appends to
 * dead, which has *n. */
static int reclaim_some(struct segreg *reg, const struct suspects *suspects, uint32_t *at, struct sr_reclaimed *dead,
			uint32_t *n)
{
	struct sr_locks *locks = &reg->registry->locks;
	int rc = sr_lock_take(locks, SR_LOCK_TABLE, reg->timeout_ms);
	int64_t end = sr_sys_monotonic() + HOLD_NS;

	if (rc)
		return rc;
	do
		*n += reclaim_lane(reg, &suspects->of[(*at)++], &dead[*n]);
	while (*at < suspects->n && sr_sys_monotonic() < end);
	sr_lock_give(locks, SR_LOCK_TABLE);
	sr_lock_yield(locks, SR_LOCK_TABLE);
	return 0;
}

struct reclaim {
	void (*fn)(void *arg, const struct sr_reclaimed *dead);
	void *arg;
	uint64_t *lanes, *pins;
};

/* In more than FEW_LANES taken lanes, reading the kernel's list of all locks costs less than asking for each lane. */
#define FEW_LANES 512u

static void find_living(const struct sr_region *region, uint32_t top, int fd, struct sr_living *living)
{
	uint32_t taken = 0;

	for (uint32_t n = 0; n < top; n++)
		taken += sr_lane_is_taken(sr_region_lane(region, n));
	if (taken > FEW_LANES)
		sr_living_read(living, fd);
	else
		memset(living, 0, sizeof(*living));
}

/* The kernel reports that nobody has the bytes of suspects. Take these as one lock, empty the lanes, release the
 * lock, then report. */
static int reclaim_piece(struct segreg *reg, const struct suspects *suspects, const struct reclaim *reclaim)
{
	struct sr_reclaimed dead[PIECE];
	uint32_t at = 0, n = 0;
	struct sr_hold hold;
	int rc = 0;

	if (sr_hold_take_many(&reg->registry->lockfile, SR_BYTE_LANES + suspects->of[0].lane, suspects->n, &hold) == -1)
		return 0; /* another reclaimer is at them */
	SR_STOP("lane.reclaiming");
	while (!rc && at < suspects->n)
		rc = reclaim_some(reg, suspects, &at, dead, &n);
	sr_hold_drop(&hold);
	if (n)
		sr_region_wake(&reg->registry->region);
	for (uint32_t i = 0; i < n; i++) {
		*reclaim->lanes += 1;
		*reclaim->pins += dead[i].pins;
		if (reclaim->fn)
			reclaim->fn(reclaim->arg, &dead[i]);
	}
	return rc;
}

/* An answer other than "none is locked" means that an owner lives. */
static int reclaim_dead(struct segreg *reg, int fd, struct sr_living *living, const struct reclaim *reclaim)
{
	const struct sr_region *region = &reg->registry->region;
	uint32_t n = 0, top = sr_region_lane_top(region);
	int rc = 0;

	while (!rc && n < top) {
		struct suspects suspects;
		uint32_t next = find_suspects(region, living, n, top, &suspects);
		off_t byte;
		int locked;

		if (!suspects.n) {
			n = next > n ? next : n + 1;
			continue;
		}
		n = suspects.of[0].lane;
		locked = sr_sys_locked_among(fd, SR_BYTE_LANES + n, next - n, &byte);
		if (locked == 1) {
			sr_living_add(living, (uint32_t)(byte - SR_BYTE_LANES)); /* and look again at those before it */
			continue;
		}
		if (locked == 0)
			rc = reclaim_piece(reg, &suspects, reclaim);
		n = next;
	}
	return rc;
}

int sr_reclaim(struct segreg *reg, void (*fn)(void *arg, const struct sr_reclaimed *dead), void *arg, uint64_t *lanes,
	       uint64_t *pins)
{
	const struct reclaim reclaim = { .fn = fn, .arg = arg, .lanes = lanes, .pins = pins };
	struct sr_registry *registry = reg->registry;
	int rc, fd = sr_lockfile_reopen(&registry->lockfile);
	struct sr_living living;

	if (fd == -1)
		return sr_fail_kept(errno, registry->lock_path);
	find_living(&registry->region, sr_region_lane_top(&registry->region), fd, &living);
	SR_STOP("lane.listed");
	rc = reclaim_dead(reg, fd, &living, &reclaim);
	sr_sys_close(fd);
	return rc;
}
