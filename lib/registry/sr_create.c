/*
 * sr_create.c - making a new registry, and taking back what a refused creation made.
 */
#include "registry/sr_create.h"
#include "sys/sr_error.h"
#include "registry/sr_leftover.h"
#include "registry/sr_owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the registry's directory */

/*
 * Each start writes the text of registry.lock anew, in the same place. On btrfs, a write takes new blocks, unless the
 * file has a flag that is set before its first byte. The blocks of the first write are allocated here. Other file
 * systems need neither, and may refuse both.
 */
static void keep_space(int fd)
{
	sr_sys_set_nocow(fd);
	sr_sys_fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, SR_PAGE);
}

int sr_create_prepare(struct sr_registry *registry)
{
	struct dirent *entry;
	DIR *dir;
	int fd;

	dir = opendir(registry->dir);
	if (!dir)
		return errno == ENOENT ? SR_REGISTRY_GONE : sr_fail_errno(errno, "cannot open %s", registry->dir);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    strcmp(entry->d_name, "registry.lock") && strcmp(entry->d_name, "registry.mdb") &&
		    strcmp(entry->d_name, "segregd.lock")) {
			int rc = sr_fail(SEGREG_E_EXISTS,
					 "%s is no registry and not empty (there is \"%s\"); give a "
					 "directory of its own",
					 registry->dir, entry->d_name);
			closedir(dir);
			return rc;
		}
	closedir(dir);
	fd = sr_sys_openat(AT_FDCWD, registry->lock_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0660);
	if (fd == -1 && errno == ENOENT)
		return SR_REGISTRY_GONE;
	if (fd == -1)
		return errno == EEXIST ? 0 : sr_fail_errno(errno, "cannot create %s", registry->lock_path);
	registry->made_lockfile = true;
	keep_space(fd);
	sr_sys_close(fd);
	return 0;
}

static int make_durable(const char *dir)
{
	int failed, fd = sr_sys_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -1)
		return sr_fail_errno(errno, "cannot open %s", dir);
	failed = sr_sys_fsync(fd) == -1;
	if (failed)
		sr_fail_errno(errno, "cannot make %s durable", dir);
	sr_sys_close(fd);
	return failed ? SEGREG_E_IO : 0;
}

bool sr_create_has_store(const struct sr_registry *registry)
{
	struct sr_identity identity;

	return sr_sys_identify(AT_FDCWD, registry->store_path, &identity) == 0 || errno != ENOENT;
}

int sr_create_get_access(const struct sr_registry *registry, int fd, struct sr_access *access)
{
	return sr_access_of(fd, access) == -1 ? sr_fail_errno(errno, "cannot look at %s", registry->lock_path) : 0;
}

int sr_create_fail_lock_lost(const struct sr_registry *registry)
{
	return sr_fail(SEGREG_E_MISMATCH,
		       "%s is missing or empty but registry.mdb is there: was it lost or replaced? If all is right, "
		       "open it with SEGREG_ADOPT (segctl init --adopt)",
		       registry->lock_path);
}

/* ---------------------------------------------------------------- base */

int sr_create_find_base(const struct sr_registry *registry, const char *given, char base[SEGREG_PATH_SIZE])
{
	char wanted[SEGREG_PATH_SIZE], *found;

	if (given) {
		found = realpath(given, NULL);
	} else {
		strcpy(wanted, registry->dir);
		*(strrchr(wanted, '/') + (strrchr(wanted, '/') == wanted)) = '\0';
		found = realpath(wanted, NULL);
	}
	if (!found)
		return sr_fail_errno(errno, "cannot find the base directory %s", given ? given : wanted);
	if (strlen(found) >= SEGREG_PATH_SIZE - 1 - SEGREG_PATH_MAX) {
		free(found);
		return sr_fail(SEGREG_E_INVAL, "the path of base is too long: %s", given);
	}
	strcpy(base, found);
	free(found);
	return 0;
}

static int open_base(struct sr_registry *registry, const char *path)
{
	int rc = sr_base_open(&registry->base, path, registry->dir);

	return rc ? rc : sr_owner_check_above(registry, &registry->base);
}

/* Join base alone, check whose it is, and put up the marker. *orphan becomes the marker that this replaces, if it
 * replaces one. */
static int take_base(struct sr_registry *registry, const struct segreg_open_options *options,
		     const struct sr_access *access, const struct sr_marker *marker, struct sr_marker *orphan)
{
	bool take = options->flags & SEGREG_TAKE_BASE;
	struct sr_marker old;
	/* The check before joining leaves the lock of another registry's base alone. */
	int rc, found = sr_owner_may_claim(registry, &registry->base, marker->uuid, take, &old);

	if (found < 0)
		return found;
	rc = sr_base_join_alone(&registry->base, access, options->timeout_ms);
	if (rc == SEGREG_E_BUSY && found == SR_OWNER_GONE)
		return sr_fail(rc,
			       "%s is in use by processes of the registry that was at %s; end them first "
			       "(fuser %s)",
			       registry->base.path, old.place, registry->base.lock_path);
	SR_STOP("create.joined");
	if (!rc)
		rc = sr_owner_may_claim(registry, &registry->base, marker->uuid, take, &old);
	if (rc == SR_OWNER_GONE) {
		rc = sr_leftover_check_users(registry, old.uuid);
		if (rc)
			return rc;
		*orphan = old;
		rc = sr_marker_put(&registry->base, marker);
	}
	SR_STOP("create.marked");
	return rc ? rc : sr_marker_claim(&registry->base, marker);
}

/* ---------------------------------------------------------------- the whole */

static int make_store(struct sr_registry *registry, const struct sr_meta *meta, const struct sr_access *access)
{
	int rc;

	/* An unfinished attempt may have left a file that is no database. No process has used it. */
	if (sr_sys_unlinkat(AT_FDCWD, registry->store_path, 0) == -1 && errno != ENOENT)
		return sr_fail_errno(errno, "cannot remove what is left of %s", registry->store_path);
	rc = sr_store_create(&registry->store, meta, access);
	return rc ? rc : make_durable(registry->dir);
}

/* With base open, and uuid in info. */
static int make(struct sr_registry *registry, const struct segreg_open_options *options, int fd,
		struct sr_lockinfo *info, struct sr_meta *meta, struct sr_marker *orphan)
{
	struct sr_marker marker = { .starts = 0 };
	struct sr_access access;
	int rc = sr_create_get_access(registry, fd, &access);

	/* Write the uuid first: after a crash the next creation goes on with it. */
	info->present = true;
	info->builder = (uint32_t)getpid();
	info->ino = registry->lockfile.ino;
	if (!rc)
		rc = sr_lockinfo_write(fd, registry->lock_path, info, true);
	if (rc)
		return rc;
	memcpy(registry->uuid, info->uuid, sizeof(registry->uuid));
	memcpy(meta->uuid, info->uuid, sizeof(meta->uuid));
	memcpy(marker.uuid, info->uuid, sizeof(marker.uuid));
	strcpy(marker.place, registry->dir);
	rc = take_base(registry, options, &access, &marker, orphan);
	if (!rc)
		rc = make_store(registry, meta, &access);
	if (!rc) {
		info->ready = true;
		rc = sr_lockinfo_write(fd, registry->lock_path, info, true);
	}
	if (rc)
		sr_create_undo(registry, orphan);
	return rc;
}

int sr_create(struct sr_registry *registry, const struct segreg_open_options *options, int fd, struct sr_lockinfo *info,
	      struct sr_marker *orphan)
{
	struct sr_meta meta = {
		.max_segments = options->max_segments ? options->max_segments : 1048576,
		.max_lanes = options->max_lanes ? options->max_lanes : 1024,
		.created_at = sr_sys_realtime(),
	};
	struct sr_geometry geometry;
	int rc;

	orphan->place[0] = '\0';
	if (!sr_geometry_init(&geometry, meta.max_segments, meta.max_lanes))
		return sr_fail(SEGREG_E_INVAL,
			       "max_segments must be 1 to %u, max_lanes "
			       "1 to %u",
			       SEGREG_MAX_SEGMENTS, SEGREG_MAX_LANES);
	rc = sr_create_find_base(registry, options->base, meta.base);
	if (!rc)
		rc = open_base(registry, meta.base);
	if (!rc && !info->present && sr_sys_random(info->uuid, sizeof(info->uuid)) == -1)
		rc = sr_fail_errno(errno, "cannot get random bytes");
	return rc ? rc : make(registry, options, fd, info, &meta, orphan);
}

void sr_create_undo(struct sr_registry *registry, const struct sr_marker *orphan)
{
	struct sr_marker marker;

	memcpy(marker.uuid, registry->uuid, sizeof(marker.uuid));
	sr_marker_unclaim(&registry->base, &marker);
	sr_sys_unlinkat(AT_FDCWD, registry->store_path, 0);
	if (*orphan->place)
		sr_marker_put(&registry->base, orphan);
}

void sr_create_remove_lockfile(const struct sr_registry *registry)
{
	int fd = sr_sys_openat(AT_FDCWD, registry->lock_path, O_RDWR | O_NOFOLLOW, 0);
	struct stat st;

	if (fd == -1)
		return;
	/* Where there are no locks (NFS), there is no registry either. */
	if (sr_sys_lock(fd, F_WRLCK, SR_BYTE_ATTACH) == 0 || errno != EAGAIN) {
		SR_STOP("create.refused");
		if (!sr_create_has_store(registry) && sr_sys_fstat(fd, &st) == 0 && st.st_nlink)
			sr_sys_unlinkat(AT_FDCWD, registry->lock_path, 0);
	}
	sr_sys_close(fd);
}
