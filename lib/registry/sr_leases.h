/*
 * sr_leases.h - the retention leases of a registry, as a process remembers them: what they hold.
 *
 * Leases are durable, and change under the commit lock alone. The holder of that lock asks here before it decides
 * about a segment. sr_clock counts the changes, so a process need not read leases again that have not changed. Each
 * decision to delete becomes durable in the same hold of the commit lock. So it comes before a lease, or sees it.
 */
#ifndef SR_LEASES_H
#define SR_LEASES_H

#include "db/sr_store.h"

/* As `retired` of a segment that is not retired: after each version, and not after SEGREG_LEASE_LISTED. */
#define SR_NOT_RETIRED SEGREG_LEASE_LISTED

struct sr_leases {
	uint64_t changes; /* sr_clock.leases when these were read */
	struct sr_leased_after {
		uint64_t floor;
		char name[SEGREG_LEASE_NAME_MAX + 1];
	} * leases;
	size_t n, lowest; /* lowest: the lease with the lowest floor */
	struct sr_leased {
		struct segreg_lease_item item;
		size_t lease; /* which of the leases lists it */
	} * listed;           /* ascending */
	size_t n_listed;
};

/* Read the leases, unless those of this clock are remembered. Needs a transaction. Returns 0 or SEGREG_E_*. */
int sr_leases_read(struct sr_leases *leases, struct sr_store *store, const struct sr_clock *clock);
/* The name of a lease that holds the segment, or NULL. retired: see SR_NOT_RETIRED. */
const char *sr_leases_hold(const struct sr_leases *leases, uint64_t id, uint64_t born, uint64_t retired);
void sr_leases_free(struct sr_leases *leases);

#endif
