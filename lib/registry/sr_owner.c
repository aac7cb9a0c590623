/*
 * sr_owner.c - which of a registry's copies base belongs to.
 */
#include "registry/sr_owner.h"
#include "sys/sr_error.h"
#include "base/sr_lockinfo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum standing { GONE, STANDS, UNKNOWN /* errno says why */ };

static bool is_absent(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR;
}

/* There is no registry.lock at place. A database without it is a registry whose lock was lost. */
static enum standing look_at_store(const char *place)
{
	char path[SEGREG_PATH_SIZE + 16];
	struct sr_identity identity;

	snprintf(path, sizeof(path), "%s/registry.mdb", place);
	if (sr_sys_identify(AT_FDCWD, path, &identity) == 0)
		return STANDS;
	return is_absent(errno) ? GONE : UNKNOWN;
}

/* Text that cannot be read may be that of our uuid. */
static bool has_uuid(int fd, const char *path, const uint8_t uuid[SR_UUID_SIZE])
{
	struct sr_lockinfo info;

	return sr_lockinfo_read(fd, path, &info) || !info.present || !memcmp(info.uuid, uuid, sizeof(info.uuid));
}

/* Does another registry of this uuid stand at place? */
static enum standing look_at(const struct sr_registry *registry, const char *place)
{
	char path[SEGREG_PATH_SIZE + 16];
	enum standing standing = UNKNOWN;
	struct stat st;
	int fd;

	if (!*place || !strcmp(place, registry->dir))
		return GONE;
	snprintf(path, sizeof(path), "%s/registry.lock", place);
	fd = sr_sys_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd == -1)
		return is_absent(errno) ? look_at_store(place) : UNKNOWN;
	/* A snapshot keeps inode numbers: compare the device too. Both are of open files, as a reboot changes recorded ones. */
	if (sr_sys_fstat(fd, &st) == 0) {
		bool is_ours = st.st_dev == registry->lockfile.dev && st.st_ino == registry->lockfile.ino;

		standing = !is_ours && has_uuid(fd, path, registry->uuid) ? STANDS : GONE;
	}
	sr_sys_close(fd);
	return standing;
}

static int check_place(const struct sr_registry *registry, const struct sr_base *base, const char *place, bool adopt)
{
	switch (look_at(registry, place)) {
	case GONE:
		return 0;
	case STANDS:
		return sr_fail(SEGREG_E_MISMATCH, "%s is a copy of the registry at %s, which is still there and owns base %s: "
			       "a sweep of the copy would delete the original's segments. Is the copy to replace the original? "
			       "Then move %s away and run segctl init --adopt. Otherwise copy base too, and run "
			       "segctl init --adopt --base COPY", registry->dir, place, base->path, place);
	default:
		/* Only an adoption changes the owner: without one, the rest of what is looked at decides. */
		if (!adopt)
			return 0;
		return sr_fail(SEGREG_E_MISMATCH, "base %s belongs to the registry at %s, and whether that is still there "
			       "cannot be seen (%s); run this as a user who can see it", base->path, place, strerror(errno));
	}
}

int sr_owner_check_place(struct sr_registry *registry, struct sr_base *base, bool adopt)
{
	struct sr_owner owner;
	struct sr_marker marker;
	int rc = sr_store_get_owner(&registry->store, &owner);

	if (!rc)
		rc = check_place(registry, base, owner.place, adopt);
	if (rc && rc != SR_STORE_ABSENT)
		return rc;
	if (sr_base_read_marker(base, &marker) == -1 || memcmp(marker.uuid, registry->uuid, sizeof(marker.uuid)))
		return 0; /* the check of the whole marker refuses it */
	return check_place(registry, base, marker.place, adopt);
}

int sr_owner_check_marker(struct sr_registry *registry, const struct sr_marker *marker)
{
	struct sr_owner owner;
	int rc = sr_store_get_owner(&registry->store, &owner);

	if (rc && rc != SR_STORE_ABSENT)
		return rc;
	if (!marker->has_owner || (!rc && !memcmp(marker->owner, owner.nonce, sizeof(owner.nonce))))
		return 0;
	if (!strcmp(marker->place, registry->dir))
		return sr_fail(SEGREG_E_MISMATCH, "%s is not the one that base %s was last used with: was it restored, or did "
			       "an adoption come to no end? If it is right, open it with SEGREG_ADOPT (segctl init --adopt)",
			       registry->store_path, registry->base.path);
	return sr_fail(SEGREG_E_MISMATCH, "base %s was taken over by the registry at %s, which is a copy of %s and was adopted "
		       "since; if that is gone and this one is right, open it with SEGREG_ADOPT (segctl init --adopt)",
		       registry->base.path, marker->place, registry->dir);
}

int sr_owner_renew(struct sr_registry *registry, bool adopt, struct sr_marker *marker)
{
	struct sr_owner owner;
	int rc = sr_store_get_owner(&registry->store, &owner);
	bool draw = adopt || rc == SR_STORE_ABSENT;

	if (rc && rc != SR_STORE_ABSENT)
		return rc;
	if (draw && sr_sys_random(owner.nonce, sizeof(owner.nonce)) == -1)
		return sr_fail_errno(errno, "cannot get random bytes");
	rc = 0;
	if (draw || strcmp(owner.place, registry->dir)) {
		strcpy(owner.place, registry->dir);
		rc = sr_store_put_owner(&registry->store, &owner);
	}
	marker->has_owner = true;
	memcpy(marker->owner, owner.nonce, sizeof(marker->owner));
	marker->lock_dev = registry->lockfile.dev;
	marker->lock_ino = registry->lockfile.ino;
	strcpy(marker->place, registry->dir);
	return rc;
}
