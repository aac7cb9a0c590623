/*
 * sr_leases.c - what the retention leases of a registry hold.
 */
#include "registry/sr_leases.h"
#include "db/sr_lease_record.h"

#include <stdlib.h>
#include <string.h>

void sr_leases_free(struct sr_leases *leases)
{
	free(leases->leases);
	free(leases->listed);
	*leases = (struct sr_leases){ .changes = 0 };
}

/* Append a lease. */
static int append(struct sr_leases *leases, const struct sr_lease *lease)
{
	struct sr_leased *listed = leases->listed;

	if (lease->n)
		listed = sr_sys_realloc(listed, (leases->n_listed + lease->n) * sizeof(*listed));
	if (lease->n && !listed)
		return sr_fail(SEGREG_E_NOMEM, "no memory for the segments that leases list");
	leases->listed = listed;
	for (size_t i = 0; i < lease->n; i++)
		listed[leases->n_listed++] = (struct sr_leased){ .item = lease->items[i], .lease = leases->n };
	leases->leases[leases->n].floor = lease->floor;
	memcpy(leases->leases[leases->n].name, lease->name, sizeof(lease->name));
	if (lease->floor < leases->leases[leases->lowest].floor)
		leases->lowest = leases->n;
	leases->n++;
	return 0;
}

static int read_all(struct sr_leases *leases, struct sr_store *store)
{
	struct sr_lease lease = { .name = "" };
	size_t n = 0;
	int rc = sr_lease_record_count(store, &n);

	if (rc || !n)
		return rc;
	leases->leases = sr_sys_malloc(n * sizeof(*leases->leases));
	if (!leases->leases)
		return sr_fail(SEGREG_E_NOMEM, "no memory for %zu leases", n);
	while (!rc && leases->n < n) {
		char after[sizeof(lease.name)];

		memcpy(after, lease.name, sizeof(after));
		rc = sr_lease_record_next(store, after, &lease);
		if (!rc) {
			rc = append(leases, &lease);
			sr_lease_record_free(&lease);
		}
	}
	if (leases->n_listed)
		qsort(leases->listed, leases->n_listed, sizeof(*leases->listed), sr_lease_record_compare);
	return rc == SR_STORE_ABSENT ? 0 : rc;
}

int sr_leases_read(struct sr_leases *leases, struct sr_store *store, const struct sr_clock *clock)
{
	int rc;

	if (leases->changes == clock->leases)
		return 0;
	sr_leases_free(leases);
	rc = read_all(leases, store);
	if (rc)
		sr_leases_free(leases);
	else
		leases->changes = clock->leases;
	return rc;
}

const char *sr_leases_hold(const struct sr_leases *leases, uint64_t id, uint64_t born, uint64_t retired)
{
	const struct segreg_lease_item item = { .id = id, .born = born };
	const struct sr_leased *listed;

	if (!leases->n)
		return NULL;
	if (leases->leases[leases->lowest].floor < retired)
		return leases->leases[leases->lowest].name;
	if (!leases->n_listed)
		return NULL;
	listed = bsearch(&item, leases->listed, leases->n_listed, sizeof(*leases->listed), sr_lease_record_compare);
	return listed ? leases->leases[listed->lease].name : NULL;
}
