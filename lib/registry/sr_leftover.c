/*
 * sr_leftover.c - shared memory of this registry that its processes do not use.
 *
 * registry.lock names one object, and this process has it mapped. So every other object of this registry.lock is left
 * over: its name was lost, or its builder could not use it. An object that has this registry's uuid and another
 * registry.lock may be in use, by a copy of the registry.
 */
#include "registry/sr_leftover.h"
#include "sys/sr_error.h"
#include "registry/sr_living.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* An object that is a region of a registry. */
struct found {
	const char *name; /* below /dev/shm, with a slash */
	struct sr_header header;
	struct stat st;
};

typedef int found_fn(void *arg, const struct found *found);

/* Is the file that fd has open a region of the registry uuid? Fills found. */
static bool is_region(int fd, const uint8_t uuid[SR_UUID_SIZE], struct found *found)
{
	struct sr_header *header = &found->header;

	return sr_sys_fstat(fd, &found->st) == 0 && S_ISREG(found->st.st_mode) &&
	       sr_sys_pread(fd, header, sizeof(*header), 0) == sizeof(*header) && header->magic == SR_MAGIC &&
	       header->fingerprint == sr_layout_fingerprint() && !memcmp(header->uuid, uuid, sizeof(header->uuid));
}

static int look_at(const char *name, const uint8_t uuid[SR_UUID_SIZE], found_fn *fn, void *arg)
{
	struct found found = { .name = name };
	int fd = sr_sys_shm_open(name, O_RDONLY | O_NONBLOCK, 0);
	bool is_found;

	if (fd == -1)
		return 0;
	is_found = is_region(fd, uuid, &found);
	sr_sys_close(fd);
	return is_found ? fn(arg, &found) : 0;
}

/* Call fn for each region of the registry uuid. */
static int each_region(const uint8_t uuid[SR_UUID_SIZE], found_fn *fn, void *arg)
{
	DIR *dir = opendir("/dev/shm");
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return 0;
	while (!rc && (entry = readdir(dir))) {
		char name[SR_REGION_NAME_SIZE] = "/";

		if (strncmp(entry->d_name, "segreg-", 7) || strlen(entry->d_name) >= sizeof(name) - 1)
			continue;
		strcpy(name + 1, entry->d_name);
		rc = look_at(name, uuid, fn, arg);
	}
	closedir(dir);
	return rc;
}

static bool is_of_lock(const struct sr_registry *registry, const struct sr_header *header)
{
	return header->lock_dev == registry->lockfile.dev && header->lock_ino == registry->lockfile.ino;
}

/* ---------------------------------------------------------------- for a check */

struct telling {
	const struct sr_registry *registry;
	segreg_check_fn *fn;
	void *arg;
};

static void explain(const struct sr_registry *registry, const struct found *found, char *reason, size_t size)
{
	uint64_t bytes = (uint64_t)found->st.st_blocks * 512;

	if (is_of_lock(registry, &found->header))
		snprintf(reason, size,
			 "%" PRIu64 " bytes of shared memory, left by user %u; no process uses it: "
			 "remove it",
			 bytes, found->st.st_uid);
	else
		snprintf(reason, size,
			 "%" PRIu64 " bytes of shared memory of user %u, by a copy of this registry or "
			 "by a registry.lock that was replaced (inode %" PRIu64 "); remove it if fuser(1) finds no "
			 "process",
			 bytes, found->st.st_uid, found->header.lock_ino);
}

static int tell(void *arg, const struct found *found)
{
	const struct telling *telling = arg;
	char path[sizeof("/dev/shm") + SR_REGION_NAME_SIZE], reason[256];
	struct segreg_finding finding = { .kind = SEGREG_FOUND_LEFTOVER, .path = path, .reason = reason };

	if (found->st.st_ino == telling->registry->region.ino)
		return 0;
	snprintf(path, sizeof(path), "/dev/shm%s", found->name);
	explain(telling->registry, found, reason, sizeof(reason));
	return telling->fn(telling->arg, &finding);
}

int sr_leftover_each(const struct sr_registry *registry, segreg_check_fn *fn, void *arg)
{
	struct telling telling = { .registry = registry, .fn = fn, .arg = arg };

	return each_region(registry->uuid, tell, &telling);
}

/* ---------------------------------------------------------------- for an adoption */

static int refuse_user(void *arg, const struct found *found)
{
	const struct sr_registry *registry = arg;

	if (is_of_lock(registry, &found->header) ||
	    !sr_living_has_user(&registry->lockfile, found->header.lock_dev, found->header.lock_ino))
		return 0;
	return sr_fail(SEGREG_E_BUSY,
		       "processes use this registry's shared memory /dev/shm%s by a registry.lock that "
		       "was removed, replaced or copied since (inode %" PRIu64 "), and may pin what is in base; end "
		       "them first (fuser /dev/shm%s)",
		       found->name, found->header.lock_ino, found->name);
}

int sr_leftover_check_users(struct sr_registry *registry, const uint8_t uuid[SR_UUID_SIZE])
{
	return each_region(uuid, refuse_user, registry);
}
