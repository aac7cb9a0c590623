/*
 * sr_leftover.c - shared memory of this registry that its processes do not use.
 *
 * registry.lock names one object, and this process has it mapped. So every other object of this registry.lock is left over: its name
 * was lost, or its builder could not use it. An object that has this registry's uuid and another registry.lock may be in use, by a
 * copy of the registry.
 */
#include "registry/sr_leftover.h"
#include "sys/sr_error.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is open as fd is a region of this registry, by its uuid. */
static bool has_uuid(const struct sr_registry *registry, int fd, struct sr_header *header)
{
	return sr_sys_pread(fd, header, sizeof(*header), 0) == sizeof(*header) && header->magic == SR_MAGIC &&
	       header->fingerprint == sr_layout_fingerprint() && !memcmp(header->uuid, registry->uuid, sizeof(header->uuid));
}

static void explain(const struct sr_registry *registry, const struct sr_header *header, const struct stat *st, char *reason, size_t size)
{
	bool is_of_lock = header->lock_dev == registry->lockfile.dev && header->lock_ino == registry->lockfile.ino;
	uint64_t bytes = (uint64_t)st->st_blocks * 512;

	if (is_of_lock)
		snprintf(reason, size, "%" PRIu64 " bytes of shared memory, left by user %u; no process uses it: remove it", bytes,
			 st->st_uid);
	else
		snprintf(reason, size, "%" PRIu64 " bytes of shared memory of user %u, by a copy of this registry or by a registry.lock that "
			 "was replaced (inode %" PRIu64 "); remove it if fuser(1) finds no process", bytes, st->st_uid, header->lock_ino);
}

static int look_at(const struct sr_registry *registry, const char *name, segreg_check_fn *fn, void *arg)
{
	char path[sizeof("/dev/shm") + SR_REGION_NAME_SIZE], reason[256];
	struct segreg_finding finding = { .kind = SEGREG_FOUND_LEFTOVER, .path = path, .reason = reason };
	struct sr_header header;
	struct stat st;
	int fd = sr_sys_shm_open(name, O_RDONLY | O_NONBLOCK, 0);
	bool is_ours;

	if (fd == -1)
		return 0;
	is_ours = sr_sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino != registry->region.ino && has_uuid(registry, fd, &header);
	sr_sys_close(fd);
	if (!is_ours)
		return 0;
	snprintf(path, sizeof(path), "/dev/shm%s", name);
	explain(registry, &header, &st, reason, sizeof(reason));
	return fn(arg, &finding);
}

int sr_leftover_each(const struct sr_registry *registry, segreg_check_fn *fn, void *arg)
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
		rc = look_at(registry, name, fn, arg);
	}
	closedir(dir);
	return rc;
}
