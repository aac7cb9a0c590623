/*
 * sr_find.c - which segment has a path.
 *
 * Shared memory finds segments by id alone. The database finds them by path, and belongs to the holder of the commit
 * lock. So the answer may wait for a commit of another process.
 */
#include "ask/sr_find.h"
#include "db/sr_records.h"
#include "registry/sr_change.h"
#include "registry/sr_discards.h"
#include "registry/sr_enter.h"
#include "sys/sr_error.h"

#include <string.h>

int sr_find(struct segreg *reg, const char *given, uint64_t *id, enum segreg_state *state)
{
	struct sr_store *store = &reg->registry->store;
	char path[SEGREG_PATH_MAX + 1];
	struct sr_change change;
	struct sr_record record;
	uint64_t found;
	int rc = sr_base_relate(&reg->registry->base, given, path);

	if (!rc)
		rc = sr_change_begin(&change, reg);
	if (rc)
		return rc;
	rc = sr_records_find(store, path, &found);
	if (!rc)
		rc = sr_records_get(store, found, &record);
	sr_change_cancel(&change);
	if (rc == SR_STORE_ABSENT)
		return sr_fail(SEGREG_E_NOENT, "no segment has the path %s (segctl ls)", path);
	if (rc)
		return rc;
	*id = found;
	*state = (enum segreg_state)record.state;
	return 0;
}

/* Whether the segment of record, which is path or a directory above it, is retired and still there. */
static int look(struct segreg *reg, const struct sr_record *record, const char *path)
{
	struct sr_identity now;
	int rc;

	if (strlen(record->path) > strlen(path) || (record->state != SR_PENDING && record->state != SR_DELETING))
		return 0;
	rc = sr_base_identify(&reg->registry->base, record->path, &now);
	if (rc)
		return rc == SEGREG_E_NOENT || rc == SEGREG_E_PATH ? 0 : rc;
	if (!sr_base_is_registered(now.dev, record, &now))
		return 0;
	return strcmp(record->path, path) ? 2 : 1;
}

/*
 * Look in shared memory: *record becomes what the latest waiting discard of the path says, or of a directory above it.
 * *is_found: whether there is any. *is_retired: whether the database has retired segments.
 */
static int find_waiting(struct segreg *reg, const char *path, struct sr_record *record, bool *is_found,
			bool *is_retired)
{
	const struct sr_header *header = reg->region.header;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	rc = sr_discards_find(&reg->region, path, record, is_found);
	*is_retired = header->pending || header->deleting;
	sr_table_lock_give(reg);
	return rc;
}

static int find_retired(struct segreg *reg, const char *path, struct sr_record *record, bool *is_found)
{
	struct sr_store *store = &reg->registry->store;
	struct sr_change change;
	uint64_t id;
	int rc = sr_change_begin(&change, reg);

	if (rc)
		return rc;
	rc = sr_records_overlap(store, path, &id);
	if (!rc)
		rc = sr_records_get(store, id, record);
	sr_change_cancel(&change);
	*is_found = !rc;
	return rc == SR_STORE_ABSENT ? 0 : rc;
}

/*
 * A discard leaves shared memory after the database has it. A look into shared memory first, and into the database
 * then, misses none.
 */
int sr_find_discarded(struct segreg *reg, const char *given)
{
	char before[SR_ERROR_SIZE], path[SEGREG_PATH_MAX + 1];
	bool is_found, is_retired;
	struct sr_record record;
	int rc = sr_base_relate(&reg->registry->base, given, path);

	if (rc)
		return rc;
	sr_error_keep(before);
	rc = find_waiting(reg, path, &record, &is_found, &is_retired);
	if (!rc && is_found)
		rc = look(reg, &record, path);
	if (!rc && is_retired)
		rc = find_retired(reg, path, &record, &is_found);
	if (!rc && is_retired && is_found)
		rc = look(reg, &record, path);
	if (rc >= 0)
		sr_error_put_back(before);
	return rc;
}
