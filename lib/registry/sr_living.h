/*
 * sr_living.h - which lanes' owners the kernel lists as alive: a shortcut for a reclaim among many lanes. And whether a
 * registry.lock that has no name any more is in use.
 *
 * To answer for one byte's lock (F_OFD_GETLK), the kernel walks the list of all locks of the file. So asking for each
 * of n lanes costs n times n. /proc/locks has all of them in one reading. A lane that is listed there had an owner at
 * that moment, and need not be asked for. A lane that is not listed is asked for. So the list can be missing, partial
 * or late without harm.
 *
 * A lane that is not listed may live all the same. A lock that is given back between two reads of the list shifts the
 * lines behind it.
 */
#ifndef SR_LIVING_H
#define SR_LIVING_H

#include "segreg.h"
#include "sys/sr_filelock.h"

struct sr_living {
	uint64_t lanes[SEGREG_MAX_LANES / 64]; /* a bit for each lane that is listed */
};

/* Read the list, for the file that fd has open. Where it cannot be read, no lane is listed. */
void sr_living_read(struct sr_living *living, int fd);

/* Does any process hold SR_BYTE_ATTACH of the file dev, ino, which may have no name any more? Returns false also
 * where the list cannot be read. The caller holds that byte of ours exclusively. The line of this lock shows how the
 * kernel numbers a device for which stat(2) has another number. */
bool sr_living_has_user(const struct sr_lockfile *ours, uint64_t dev, uint64_t ino);

static inline bool sr_living_has(const struct sr_living *living, uint32_t n)
{
	return living->lanes[n / 64] >> n % 64 & 1;
}

static inline void sr_living_add(struct sr_living *living, uint32_t n)
{
	living->lanes[n / 64] |= 1ull << n % 64;
}

#endif
