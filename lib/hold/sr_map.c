/*
 * sr_map.c - the files of a pinned segment: their path, an open descriptor, a mapping.
 */
#include "hold/sr_map.h"
#include "sys/sr_error.h"
#include "base/sr_file.h"
#include "hold/sr_pin.h"
#include "shm/sr_paths.h"

#include <inttypes.h>

int sr_map_path(struct segreg *reg, const struct segreg_pin *pin, char path[SEGREG_PATH_MAX + 1])
{
	if (!sr_pin_is_held(reg, pin))
		return sr_pin_fail(reg, pin);
	if (!sr_paths_get(&reg->region, pin->slot, path))
		return sr_fail(SEGREG_E_CORRUPT, "the shared memory is damaged (path of segment %" PRIu64 ")", pin->id);
	return 0;
}

int sr_map_open(struct segreg *reg, const struct segreg_pin *pin, const char *file, int *fd)
{
	char path[SEGREG_PATH_MAX + 1];
	int rc = sr_map_path(reg, pin, path);

	if (!rc)
		rc = sr_file_open(&reg->registry->base, path, file, fd);
	if (rc != SEGREG_E_NOENT)
		return rc;
	if (!file)
		return sr_fail(SEGREG_E_NOFILE,
			       "segment %" PRIu64 " is registered, but nothing is at %s (segctl check)", pin->id, path);
	return sr_fail(SEGREG_E_NOFILE,
		       "segment %" PRIu64 " is registered, but there is no \"%s\" in %s (segctl check)", pin->id, file,
		       path);
}

int sr_map_make(struct segreg *reg, uint64_t id, const char *file, unsigned flags, struct segreg_map *map)
{
	struct segreg_map made = { .data = NULL };
	int fd, rc = sr_pin(reg, id, flags, &made.pin);

	if (rc)
		return rc;
	rc = sr_map_open(reg, &made.pin, file, &fd);
	if (!rc) {
		rc = sr_file_map(fd, file, &made.data, &made.length);
		sr_sys_close(fd);
	}
	if (rc)
		sr_unpin(reg, &made.pin);
	else
		*map = made;
	return rc;
}

int sr_map_end(struct segreg *reg, struct segreg_map *map)
{
	int rc = sr_unpin(reg, &map->pin);

	if (rc)
		return rc;
	sr_file_unmap(map->data, map->length);
	*map = (struct segreg_map){ .data = NULL };
	return 0;
}
