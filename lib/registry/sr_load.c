/*
 * sr_load.c - the tables of a new region, from the durable records.
 *
 * The builder of a region is alone with it: there is no reader and no other writer. If it dies, the next process builds
 * another. So the records go straight from the database into their slots, and one walk at the end makes the index. The
 * builder has counted this start in a durable commit of its own just before. So what it reads is on the disk.
 */
#include "registry/sr_load.h"
#include "db/sr_records.h"
#include "sys/sr_sys.h"
#include "shm/sr_table.h"

static int load(void *arg, const struct sr_record *record)
{
	return sr_table_load(arg, record);
}

static int load_all(struct sr_registry *registry)
{
	struct sr_store *store = &registry->store;
	struct sr_region *region = &registry->region;
	struct sr_clock clock;
	uint32_t n;
	int rc = sr_records_get_clock(store, &clock);

	if (!rc)
		rc = sr_records_count(store, &n);
	if (!rc)
		rc = sr_table_prepare(region, n);
	if (!rc)
		rc = sr_records_each(store, load, region);
	if (rc)
		return rc;
	SR_STOP("load.filled");
	sr_table_load_index(region);
	region->header->txn = sr_store_txn(store) - 1;
	sr_region_set_version(region, clock.version);
	return 0;
}

int sr_load(struct sr_registry *registry, uint32_t timeout_ms)
{
	int rc = sr_lock_take(&registry->locks, SR_LOCK_COMMIT, timeout_ms);

	if (rc)
		return rc;
	rc = sr_store_begin(&registry->store);
	if (!rc) {
		rc = load_all(registry);
		sr_store_abort(&registry->store);
	}
	sr_lock_give(&registry->locks, SR_LOCK_COMMIT);
	return rc;
}
