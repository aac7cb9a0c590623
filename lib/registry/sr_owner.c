/*
 * sr_owner.c - which of a registry's copies base belongs to.
 */
#include "registry/sr_owner.h"
#include "db/sr_records.h"
#include "sys/sr_error.h"
#include "base/sr_lockinfo.h"
#include "base/sr_foreign.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_absent(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR;
}

/* A database without registry.lock is a registry whose lock was lost. */
static enum sr_standing look_at_store(const char *place)
{
	char path[SEGREG_PATH_SIZE + 16];
	struct sr_identity identity;

	snprintf(path, sizeof(path), "%s/registry.mdb", place);
	if (sr_sys_identify(AT_FDCWD, path, &identity) == 0)
		return SR_STANDS;
	return is_absent(errno) ? SR_STANDS_NOT : SR_UNKNOWN;
}

/* Has registry.lock this uuid? A text that cannot be read may have it. */
static bool has_uuid(int fd, const char *path, const uint8_t uuid[SR_UUID_SIZE])
{
	struct sr_lockinfo info;

	return sr_lockinfo_read(fd, path, &info) || !info.present || !memcmp(info.uuid, uuid, sizeof(info.uuid));
}

/* fd: a registry.lock of that uuid. A creation that was cut short, or a loss, leaves it without a database. Ask for
 * the lock first, since a creation holds it. */
static enum sr_standing look_beside(int fd, const char *place)
{
	int held = sr_sys_locked(fd, SR_BYTE_ATTACH);

	return held ? held == 1 ? SR_STANDS : SR_UNKNOWN : look_at_store(place);
}

/* Does another registry of this uuid stand at place? */
static enum sr_standing look_at(const struct sr_registry *registry, const uint8_t uuid[SR_UUID_SIZE], const char *place)
{
	char path[SEGREG_PATH_SIZE + 16];
	enum sr_standing standing = SR_UNKNOWN;
	struct stat st;
	int fd;

	if (!*place || !strcmp(place, registry->dir))
		return SR_STANDS_NOT;
	snprintf(path, sizeof(path), "%s/registry.lock", place);
	fd = sr_sys_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd == -1)
		return is_absent(errno) ? look_at_store(place) : SR_UNKNOWN;
	/* A file system's snapshot keeps inode numbers: compare the device too. Compare two open files, since a
	 * reboot changes the numbers of devices. */
	if (sr_sys_fstat(fd, &st) == 0) {
		bool is_ours = st.st_dev == registry->lockfile.dev && st.st_ino == registry->lockfile.ino;

		standing = !is_ours && has_uuid(fd, path, uuid) ? look_beside(fd, place) : SR_STANDS_NOT;
	}
	sr_sys_close(fd);
	return standing;
}

static int check_place(const struct sr_registry *registry, const struct sr_base *base, const char *place, bool adopt)
{
	switch (look_at(registry, registry->uuid, place)) {
	case SR_STANDS_NOT:
		return 0;
	case SR_STANDS:
		return sr_fail(SEGREG_E_MISMATCH,
			       "%s is a copy of the registry at %s, which is still there and owns base %s: "
			       "a sweep of the copy would delete the original's segments. Is the copy to replace the "
			       "original? "
			       "Then move %s away and run segctl init --adopt. Otherwise copy base too, and run "
			       "segctl init --adopt --base COPY",
			       registry->dir, place, base->path, place);
	default:
		/* Only an adoption changes the owner. Without one, the other checks decide. */
		if (!adopt)
			return 0;
		return sr_fail(SEGREG_E_MISMATCH,
			       "base %s belongs to the registry at %s, and whether that is still there "
			       "cannot be seen (%s); run this as a user who can see it",
			       base->path, place, strerror(errno));
	}
}

int sr_owner_check_place(struct sr_registry *registry, struct sr_base *base, bool adopt)
{
	struct sr_owner owner;
	struct sr_marker marker;
	int rc = sr_records_get_owner(&registry->store, &owner);

	if (!rc)
		rc = check_place(registry, base, owner.place, adopt);
	if (rc && rc != SR_STORE_ABSENT)
		return rc;
	if (sr_marker_read(base, &marker) == -1 || memcmp(marker.uuid, registry->uuid, sizeof(marker.uuid)))
		return 0; /* the check of the whole marker refuses it */
	return check_place(registry, base, marker.place, adopt);
}

int sr_owner_check_marker(struct sr_registry *registry, const struct sr_marker *marker)
{
	struct sr_owner owner;
	int rc = sr_records_get_owner(&registry->store, &owner);

	if (rc && rc != SR_STORE_ABSENT)
		return rc;
	if (!marker->has_owner || (!rc && !memcmp(marker->owner, owner.nonce, sizeof(owner.nonce))))
		return 0;
	if (!strcmp(marker->place, registry->dir))
		return sr_fail(
			SEGREG_E_MISMATCH,
			"%s is not the one that base %s was last used with: was it restored, or did "
			"an adoption come to no end? If it is right, open it with SEGREG_ADOPT (segctl init --adopt)",
			registry->store_path, registry->base.path);
	return sr_fail(SEGREG_E_MISMATCH,
		       "base %s was taken over by the registry at %s, which is a copy of %s and was adopted "
		       "since; if that is gone and this one is right, open it with SEGREG_ADOPT (segctl init --adopt)",
		       registry->base.path, marker->place, registry->dir);
}

static int fail_hard_links(const char *path, const char *name, uint64_t n)
{
	return sr_fail(SEGREG_E_MISMATCH,
		       "%s has %" PRIu64 " names (hard links, as cp -al makes them), so a copy of "
		       "the registry and its original are one (find -samefile tells the names). Remove the copy; or "
		       "give it files of its own: in the copy's directory run cp -a %s new && mv new %s",
		       path, n, name, name);
}

/* Does base's marker name this directory as its registry's? */
static bool is_place_of_marker(struct sr_registry *registry)
{
	struct sr_marker marker;

	return registry->base.dir.path && sr_marker_read(&registry->base, &marker) == 0 &&
	       !strcmp(marker.place, registry->dir);
}

int sr_owner_check_names(struct sr_registry *registry, bool adopt)
{
	struct sr_identity identity = { .nlink = 1 };
	bool many = registry->lockfile.nlink > 1;

	if (!many && sr_sys_identify(AT_FDCWD, registry->store_path, &identity) == -1)
		return 0; /* opening it fails with the reason */
	if ((!many && identity.nlink <= 1) || (!adopt && is_place_of_marker(registry)))
		return 0;
	return many ? fail_hard_links(registry->lock_path, "registry.lock", registry->lockfile.nlink)
		    : fail_hard_links(registry->store_path, "registry.mdb", identity.nlink);
}

int sr_owner_renew(struct sr_registry *registry, bool adopt, struct sr_marker *marker)
{
	struct sr_owner owner;
	int rc = sr_records_get_owner(&registry->store, &owner);
	bool draw = adopt || rc == SR_STORE_ABSENT;

	if (rc && rc != SR_STORE_ABSENT)
		return rc;
	if (draw && sr_sys_random(owner.nonce, sizeof(owner.nonce)) == -1)
		return sr_fail_errno(errno, "cannot get random bytes");
	rc = 0;
	if (draw || strcmp(owner.place, registry->dir)) {
		strcpy(owner.place, registry->dir);
		rc = sr_records_put_owner(&registry->store, &owner);
	}
	marker->has_owner = true;
	memcpy(marker->owner, owner.nonce, sizeof(marker->owner));
	marker->lock_dev = registry->lockfile.dev;
	marker->lock_ino = registry->lockfile.ino;
	strcpy(marker->place, registry->dir);
	return rc;
}

/* ---------------------------------------------------------------- markers of other registries */

static enum sr_standing look_for_owner(const struct sr_registry *registry, const struct sr_marker *marker)
{
	if (*marker->place)
		return look_at(registry, marker->uuid, marker->place);
	errno = ENODATA;
	return SR_UNKNOWN;
}

static const char *name_of(const char *place)
{
	return *place ? place : "an unknown place";
}

int sr_owner_fail_foreign(const struct sr_registry *registry, const struct sr_base *base,
			  const struct sr_marker *marker, bool may_take)
{
	const char *place = name_of(marker->place);

	/* At a creation no registry was at this place before. */
	if (!may_take && !strcmp(place, registry->dir))
		return sr_fail(SEGREG_E_EXISTS,
			       "%s has the marker of an earlier base of the registry at %s, which is this "
			       "registry or an earlier one at its place. If no other registry uses base, "
			       "remove %s/%s",
			       base->path, place, base->path, SR_BASE_MARKER);
	switch (look_for_owner(registry, marker)) {
	case SR_STANDS:
		return sr_fail(SEGREG_E_EXISTS,
			       "%s is the base of another registry: of that at %s, which is there; "
			       "give another base, or use that registry",
			       base->path, place);
	case SR_UNKNOWN:
		return sr_fail(SEGREG_E_EXISTS,
			       "%s is the base of another registry: of that at %s, and whether that "
			       "is still there cannot be seen (%s). Run this as a user who can see it; or if that "
			       "registry is gone for good, remove %s/%s",
			       base->path, place, strerror(errno), base->path, SR_BASE_MARKER);
	case SR_STANDS_NOT:
		break;
	}
	if (may_take)
		return sr_fail(SEGREG_E_EXISTS,
			       "%s is the base of another registry: of that at %s, which is not there "
			       "any more. If it is gone for good, and neither unmounted nor elsewhere, take base over: "
			       "segctl init --take-base --base %s (SEGREG_TAKE_BASE)",
			       base->path, place, base->path);
	return sr_fail(SEGREG_E_EXISTS,
		       "%s is the base of another registry: of that at %s, which is not there any "
		       "more. If it is gone for good, and neither unmounted nor elsewhere, "
		       "remove %s/%s",
		       base->path, place, base->path, SR_BASE_MARKER);
}

int sr_owner_fail_taken(const struct sr_registry *registry, const struct sr_base *base, const struct sr_marker *marker)
{
	const char *place = name_of(marker->place);

	switch (look_for_owner(registry, marker)) {
	case SR_STANDS:
		return sr_fail(SEGREG_E_MISMATCH,
			       "%s is the base of another registry now: of that at %s, which is there. "
			       "Use that registry; or give %s another base: segctl init --adopt --base DIR",
			       base->path, place, registry->dir);
	case SR_UNKNOWN:
		return sr_fail(SEGREG_E_MISMATCH,
			       "%s is the base of another registry now: of that at %s, and whether that "
			       "is still there cannot be seen (%s). Run this as a user who can see it; or if that "
			       "registry is gone for good, remove %s/%s and run segctl init --adopt",
			       base->path, place, strerror(errno), base->path, SR_BASE_MARKER);
	case SR_STANDS_NOT:
		break;
	}
	return sr_fail(SEGREG_E_MISMATCH,
		       "%s is the base of another registry now: of that at %s, which is not there any "
		       "more. If it is gone for good, and neither unmounted nor elsewhere, remove %s/%s and run "
		       "segctl init --adopt",
		       base->path, place, base->path, SR_BASE_MARKER);
}

int sr_owner_may_claim(const struct sr_registry *registry, struct sr_base *base, const uint8_t uuid[SR_UUID_SIZE],
		       bool take, struct sr_marker *orphan)
{
	struct sr_marker marker;

	if (sr_marker_read(base, &marker) == -1) {
		if (errno == ENOENT)
			return 0;
		return sr_fail_errno(errno,
				     "cannot read %s/%s (if no registry has its base there, "
				     "remove it)",
				     base->path, SR_BASE_MARKER);
	}
	if (!memcmp(marker.uuid, uuid, SR_UUID_SIZE))
		return 0;
	if (!take || look_for_owner(registry, &marker) != SR_STANDS_NOT)
		return sr_owner_fail_foreign(registry, base, &marker, true);
	*orphan = marker;
	return SR_OWNER_GONE;
}

/* above: a directory with a registry or a marker in it, which dir has open. */
static int fail_above(const struct sr_registry *registry, const struct sr_base *base, const char *above, int dir)
{
	struct sr_marker marker;

	if (sr_foreign_has_registry(dir) == 1)
		return sr_fail(SEGREG_E_EXISTS,
			       "%s cannot be a base: it lies in %s, which is a registry; give a "
			       "directory outside of it",
			       base->path, above);
	if (sr_marker_read_in(dir, &marker) == -1)
		return sr_fail(SEGREG_E_EXISTS,
			       "%s cannot be a base: it lies in %s, whose %s cannot be read. If no "
			       "registry has its base there, remove %s/%s",
			       base->path, above, SR_BASE_MARKER, above, SR_BASE_MARKER);
	if (!strcmp(marker.place, registry->dir))
		return sr_fail(SEGREG_E_EXISTS,
			       "%s cannot be a base: it lies in %s, a base of the registry at %s, which is this "
			       "registry or an earlier one at its place. Give a directory outside of it; or if no "
			       "registry uses it, remove %s/%s",
			       base->path, above, marker.place, above, SR_BASE_MARKER);
	if (look_for_owner(registry, &marker) == SR_STANDS_NOT)
		return sr_fail(SEGREG_E_EXISTS,
			       "%s cannot be a base: it lies in %s, the base of the registry at %s, "
			       "which is not there any more. If it is gone for good, and neither unmounted nor "
			       "elsewhere, remove %s/%s",
			       base->path, above, name_of(marker.place), above, SR_BASE_MARKER);
	return sr_fail(SEGREG_E_EXISTS,
		       "%s cannot be a base: it lies in %s, the base of the registry at %s; give a "
		       "directory outside of it, or use that registry",
		       base->path, above, name_of(marker.place));
}

/* Check base itself. It may have a marker, at which sr_owner_may_claim looks. */
static int check_itself(const struct sr_base *base)
{
	int answer, fd = sr_sys_openat(AT_FDCWD, base->path, O_PATH | O_DIRECTORY, 0);

	if (fd == -1)
		return sr_fail_errno(errno, "cannot look at %s", base->path);
	answer = sr_foreign_has_registry(fd);
	sr_sys_close(fd);
	if (answer == -1)
		return sr_fail_errno(errno, "cannot see whether %s is a registry", base->path);
	return answer ? sr_fail(SEGREG_E_EXISTS,
				"%s cannot be a base: it is a registry; give a directory "
				"of its own",
				base->path)
		      : 0;
}

static int fail_own(const struct sr_base *base)
{
	return sr_fail(SEGREG_E_INVAL, "base cannot be the registry's own directory, or lie in it: %s", base->path);
}

int sr_owner_check_above(const struct sr_registry *registry, const struct sr_base *base)
{
	char above[SEGREG_PATH_SIZE];

	if (!strcmp(base->path, registry->dir))
		return fail_own(base);
	for (const char *slash = base->path; slash && slash[1]; slash = strchr(slash + 1, '/')) {
		int fd, answer, rc = 0;

		snprintf(above, sizeof(above), "%.*s", slash > base->path ? (int)(slash - base->path) : 1, base->path);
		if (!strcmp(above, registry->dir))
			return fail_own(base);
		fd = sr_sys_openat(AT_FDCWD, above, O_PATH | O_DIRECTORY, 0);
		if (fd == -1)
			return sr_fail_errno(errno, "cannot look at %s", above);
		answer = sr_foreign_is_there(fd);
		if (answer)
			rc = answer == -1 ? sr_fail_errno(errno, "cannot see whether %s is a registry", above)
					  : fail_above(registry, base, above, fd);
		sr_sys_close(fd);
		if (rc)
			return rc;
	}
	return check_itself(base);
}
