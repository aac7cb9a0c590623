/*
 * sr_find.c - which segment has a path.
 *
 * Shared memory finds segments by id alone. The database finds them by path, and belongs to the holder of the commit
 * lock. So the answer may wait for a commit of another process.
 */
#include "ask/sr_find.h"
#include "registry/sr_change.h"
#include "sys/sr_error.h"

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
	rc = sr_store_find(store, path, &found);
	if (!rc)
		rc = sr_store_get(store, found, &record);
	sr_change_cancel(&change);
	if (rc == SR_STORE_ABSENT)
		return sr_fail(SEGREG_E_NOENT, "no segment has the path %s (segctl ls)", path);
	if (rc)
		return rc;
	*id = found;
	*state = (enum segreg_state)record.state;
	return 0;
}
