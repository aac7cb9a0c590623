/*
 * sr_attach.c - how a process joins a registry, and leaves it.
 *
 * Every attached process holds SR_BYTE_ATTACH shared. A process that gets the byte exclusively is alone (sr_build.c).
 * It creates what is missing, removes a region that a crash left, and builds a new one from LMDB. Then it turns its
 * lock into a shared one. So the first start, a start after a total crash and a start after a reboot are one case. A
 * builder that dies has released its lock, and the next process starts over.
 *
 * A process that cannot be alone joins. The region must then exist. If it does not, it was removed under its users
 * (RemoveIPC at a logout, rm), or those users are in a container with another /dev/shm. A second region would have
 * pinned segments deleted, so the call fails with SEGREG_E_REGION_LOST.
 *
 * Two other causes pass. The last user may be leaving at this very moment. Or a builder may have died between the two
 * tries of a process that waits. This process then holds the byte shared and meets a region that is not finished.
 * Nobody uses that region, since its builder alone had the byte. So the process releases the byte and looks again, a
 * few times, before it believes that the region is lost. The first process that is alone builds anew. Each look keeps
 * others from being alone for a moment. So the pauses between looks grow, until of any number of processes one finds
 * itself alone.
 *
 * All this needs the same registry.lock for everybody. So each process also locks base (sr_base.h), and a builder makes
 * sure that no other process has. Thus a registry.lock that was replaced while in use does not make two registries of
 * one.
 */
#include "registry/sr_attach.h"
#include "registry/sr_build.h"
#include "registry/sr_create.h"
#include "sys/sr_error.h"
#include "base/sr_lockinfo.h"
#include "registry/sr_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOKS_FOR_REGION 20

static int fail_to_open(const struct sr_registry *registry, int errnum)
{
	if (errnum == ENOENT || errnum == ESTALE)
		return SR_REGISTRY_GONE;
	return sr_fail_errno(errnum, "cannot open %s", registry->lock_path);
}

static int check_file_system(const struct sr_registry *registry, int fd)
{
	static const struct {
		long magic;
		const char *name;
	} refused[] = {
		{ NFS_SUPER_MAGIC, "NFS" },   { 0x65735546, "FUSE" },      { SMB_SUPER_MAGIC, "SMB" },
		{ 0xff534d42, "CIFS" },       { SMB2_SUPER_MAGIC, "SMB" }, { V9FS_MAGIC, "9P" },
		{ CEPH_SUPER_MAGIC, "Ceph" }, { AFS_SUPER_MAGIC, "AFS" },
	};
	struct statfs fs;

	if (sr_sys_fstatfs(fd, &fs) == -1)
		return sr_fail_errno(errno, "cannot look at the file system of %s", registry->dir);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if ((long)fs.f_type == refused[i].magic)
			return sr_fail(SEGREG_E_UNSUPPORTED,
				       "%s is on %s, whose locks cannot be trusted; put the registry on a local "
				       "file system",
				       registry->dir, refused[i].name);
	return 0;
}

/* ---------------------------------------------------------------- joining */

static int check_region(struct sr_registry *registry)
{
	const struct sr_header *header = registry->region.header;

	if (header->lock_dev != registry->lockfile.dev || header->lock_ino != registry->lockfile.ino ||
	    memcmp(header->uuid, registry->uuid, sizeof(header->uuid)))
		return sr_fail(SEGREG_E_MISMATCH,
			       "shared memory %s does not belong to %s; stop all processes of this registry and start "
			       "them again",
			       registry->region_name, registry->lock_path);
	if (!memchr(registry->region.base, '\0', SEGREG_PATH_SIZE))
		return sr_fail(SEGREG_E_CORRUPT, "shared memory %s is damaged", registry->region_name);
	return 0;
}

/* Returns 0, SR_JOIN_AGAIN, SR_JOIN_UNFINISHED, or an error. */
static int join(struct sr_registry *registry, int fd)
{
	struct sr_lockinfo info;
	struct sr_access access;
	int rc = sr_lockinfo_read(fd, registry->lock_path, &info);

	if (rc)
		return rc;
	if (!info.ready || !info.region[0])
		return SR_JOIN_AGAIN;
	rc = sr_create_get_access(registry, fd, &access);
	if (rc)
		return rc;
	memcpy(registry->uuid, info.uuid, sizeof(registry->uuid));
	strcpy(registry->region_name, info.region);
	registry->region.lock_path = registry->lock_path;
	rc = sr_region_map(&registry->region, info.region, &access);
	if (rc)
		return rc == SR_REGION_ABSENT ? SR_JOIN_AGAIN : rc == SR_REGION_UNFINISHED ? SR_JOIN_UNFINISHED : rc;
	rc = check_region(registry);
	if (!rc)
		rc = sr_base_open(&registry->base, registry->region.base, registry->dir);
	if (!rc)
		rc = sr_owner_check_names(registry, false);
	if (!rc)
		rc = sr_base_join(&registry->base);
	if (rc) {
		sr_base_close(&registry->base);
		sr_region_unmap(&registry->region);
		return rc == SR_BASE_TAKEN ? SR_JOIN_AGAIN : rc;
	}
	sr_locks_init(&registry->locks, registry->region.header, &registry->lockfile);
	return 0;
}

static void leave_region(struct sr_registry *registry)
{
	sr_locks_destroy(&registry->locks);
	sr_region_unmap(&registry->region);
}

/* Give up: the region was looked for often enough. */
static int region_lost(const struct sr_registry *registry, bool is_unfinished)
{
	if (is_unfinished)
		return sr_fail(SEGREG_E_CORRUPT,
			       "shared memory %s is empty or was never finished, but other processes have %s open; "
			       "stop them all and start again",
			       registry->region_name, registry->dir);
	return sr_fail(
		SEGREG_E_REGION_LOST,
		"other processes have %s open, but its shared memory %s is not here: it was removed under "
		"them (rm, RemoveIPC=yes at a logout), or they have another /dev/shm (a container); stop them all and "
		"start again, or share /dev/shm",
		registry->dir, registry->region_name[0] ? registry->region_name : "");
}

/* Is registry.lock still the file that was opened? A creation that is refused removes the file that it made. */
static bool is_in_place(const struct sr_registry *registry)
{
	struct sr_identity identity;

	return sr_sys_identify(AT_FDCWD, registry->lock_path, &identity) == 0 &&
	       identity.dev == registry->lockfile.dev && identity.ino == registry->lockfile.ino;
}

/* fd: a new open file of registry.lock. Returns 0 if this process is attached. SR_JOIN_AGAIN, SR_JOIN_UNFINISHED and
 * SR_REGISTRY_GONE mean: try again. Anything else is an error. *joining: this process was not alone. */
static int attach_once(struct sr_registry *registry, const struct segreg_open_options *options, int fd, bool *joining)
{
	int rc;

	*joining = false;
	SR_STOP("attach.looking");
	if (sr_sys_lock(fd, F_WRLCK, SR_BYTE_ATTACH) == 0) {
		if (!is_in_place(registry))
			return SR_REGISTRY_GONE;
		rc = sr_build_alone(registry, options, fd);
		/* Turn the exclusive lock into a shared one in one step, so that no other process can be alone in
		 * between. */
		if (!rc && sr_sys_lock(fd, F_RDLCK, SR_BYTE_ATTACH) == -1) {
			rc = sr_fail_errno(errno, "cannot lock %s", registry->lock_path);
			leave_region(registry);
		}
		return rc;
	}
	if (errno != EAGAIN)
		return sr_fail_errno(errno, "cannot lock %s", registry->lock_path);
	SR_STOP("attach.not_alone");
	if (options->flags & SEGREG_ADOPT)
		return sr_fail(SEGREG_E_BUSY,
			       "%s is in use; SEGREG_ADOPT needs it to itself: end its processes (segctl holders)",
			       registry->dir);
	if (sr_sys_lock(fd, F_RDLCK, SR_BYTE_ATTACH) == 0) {
		*joining = true;
		return join(registry, fd);
	}
	return errno == EAGAIN ? SR_JOIN_AGAIN : sr_fail_errno(errno, "cannot lock %s", registry->lock_path);
}

/* Replace fd, with which the process found its way in, by a hold. The hold's file is open for reading only, and no
 * other open file of the library's is. When it is closed, by a death or otherwise, the kernel tells each process
 * that watches registry.lock by inotify (IN_CLOSE_NOWRITE). The locks that a sweep takes for itself cause no such
 * event. */
static int keep_attached(struct sr_registry *registry, int fd)
{
	int rc = sr_hold_take(&registry->lockfile, SR_BYTE_ATTACH, F_RDLCK, &registry->attach);

	if (rc == -1) {
		rc = sr_fail_errno(errno, "cannot hold %s", registry->lock_path);
		leave_region(registry);
	}
	sr_locking_close(fd);
	return rc;
}

static int waited_in_vain(const struct sr_registry *registry, uint32_t timeout_ms, int fd)
{
	struct sr_lockinfo info;
	char builder[64] = "";

	if (sr_lockinfo_read(fd, registry->lock_path, &info) == 0 && info.builder)
		snprintf(builder, sizeof(builder), " (process %" PRIu32 " began last)", info.builder);
	return sr_fail(SEGREG_E_TIMEDOUT,
		       "waited %u ms for another process%s to build the shared memory of %s; is that process "
		       "stopped, or its disk slow?",
		       timeout_ms, builder, registry->dir);
}

/* Sleep until the next look, not in step with other processes: each look keeps all others from being alone. */
static void pause_between_looks(int looks)
{
	uint64_t most = (uint64_t)9000000 << (looks / 4 < 4 ? looks / 4 : 4);

	sr_sys_sleep(1000000 + (int64_t)(((uint64_t)getpid() * 7919u + (uint64_t)looks * 6700417u) % most));
}

static int attach_patiently(struct sr_registry *registry, const struct segreg_open_options *options, int64_t deadline)
{
	int looks = 0;

	for (;;) {
		bool joining, again;
		int rc, fd = sr_locking_open(&registry->lockfile);

		if (fd == -1)
			return fail_to_open(registry, errno);
		rc = attach_once(registry, options, fd, &joining);
		if (rc == 0)
			return keep_attached(registry, fd);
		again = rc == SR_JOIN_AGAIN || rc == SR_JOIN_UNFINISHED;
		if (again && sr_sys_monotonic() > deadline)
			rc = waited_in_vain(registry, options->timeout_ms, fd);
		sr_locking_close(fd);
		if (!again || rc == SEGREG_E_TIMEDOUT)
			return rc;
		if (joining && ++looks == LOOKS_FOR_REGION)
			return region_lost(registry, rc == SR_JOIN_UNFINISHED);
		pause_between_looks(looks);
	}
}

/* ---------------------------------------------------------------- the whole */

/* Open registry.lock. Returns 0, or an errno. */
static int try_lockfile(struct sr_registry *registry)
{
	return sr_lockfile_open(&registry->lockfile, registry->lock_path, O_RDWR) == -1 ? errno : 0;
}

static int open_lockfile(struct sr_registry *registry, const struct segreg_open_options *options)
{
	int rc, fd, error = try_lockfile(registry);

	if (error == ENOENT && !(options->flags & SEGREG_ADOPT) && sr_create_has_store(registry)) {
		error = try_lockfile(registry); /* another process may have created both just now */
		if (error == ENOENT)
			return sr_create_fail_lock_lost(registry);
	}
	if (error == ENOENT) {
		if (!(options->flags & (SEGREG_CREATE | SEGREG_ADOPT)))
			return sr_fail(
				SEGREG_E_NOENT,
				"%s is not a registry: it has no registry.lock (create one with SEGREG_CREATE or "
				"segctl init)",
				registry->dir);
		rc = sr_create_prepare(registry);
		if (rc)
			return rc;
		error = try_lockfile(registry);
	}
	if (error)
		return fail_to_open(registry, error);
	fd = sr_lockfile_reopen(&registry->lockfile);
	if (fd == -1)
		return fail_to_open(registry, errno);
	rc = check_file_system(registry, fd);
	sr_sys_close(fd);
	return rc || !(options->flags & SEGREG_ADOPT) ? rc : sr_owner_check_names(registry, true);
}

void sr_attach_prepare(struct sr_registry *registry)
{
	sr_hold_init(&registry->attach);
	sr_hold_init(&registry->base.hold);
	registry->base.dir.fd = -1;
	for (int id = 0; id < SR_LOCKS; id++)
		registry->locks.kept[id].fd = -1;
}

int sr_attach(struct sr_registry *registry, const struct segreg_open_options *options, int64_t deadline)
{
	int rc;

	registry->store.path = registry->store_path;
	if (!sr_pidns(&registry->pidns_dev, &registry->pidns_ino))
		registry->pidns_dev = registry->pidns_ino = 0;
	rc = open_lockfile(registry, options);
	if (!rc)
		rc = attach_patiently(registry, options, deadline);
	if (rc) {
		if (registry->made_lockfile)
			sr_create_remove_lockfile(registry);
		sr_base_close(&registry->base);
		sr_store_close(&registry->store, false);
		return rc;
	}
	pthread_mutex_init(&registry->mutex, NULL);
	sr_queue_init(&registry->queue);
	return 0;
}

/* The last process to leave removes the region, so that nothing of a registry at rest is left in memory. If this
 * process may not, the region's name stays in registry.lock. Without the name the next builder could neither remove
 * the region nor use it. */
static void remove_region(struct sr_registry *registry)
{
	struct sr_lockinfo info;
	struct sr_access access;
	int fd = sr_locking_open(&registry->lockfile);

	if (fd == -1)
		return;
	if (sr_sys_lock(fd, F_WRLCK, SR_BYTE_ATTACH) == 0 && sr_lockinfo_read(fd, registry->lock_path, &info) == 0 &&
	    info.ready && !strcmp(info.region, registry->region_name) && sr_access_of(fd, &access) == 0 &&
	    sr_build_discard(registry, info.region, &access) == 0) {
		info.region[0] = '\0';
		sr_lockinfo_write(fd, registry->lock_path, &info, false);
	}
	sr_locking_close(fd);
}

static void release(struct sr_registry *registry)
{
	sr_store_close(&registry->store, registry->orphaned);
	if (!registry->orphaned)
		sr_leases_free(&registry->leases);
	sr_locks_destroy(&registry->locks);
	sr_base_close(&registry->base);
	pthread_mutex_destroy(&registry->mutex);
	pthread_mutex_destroy(&registry->queue.mutex);
}

void sr_attach_leave(struct sr_registry *registry)
{
	release(registry);
	sr_region_unmap(&registry->region);
	SR_STOP("attach.leaving");
	sr_hold_drop(&registry->attach);
	remove_region(registry);
}

void sr_attach_forget(struct sr_registry *registry)
{
	sr_hold_init(&registry->attach);
	sr_hold_init(&registry->base.hold);
	for (int id = 0; id < SR_LOCKS; id++)
		sr_kept_close(&registry->locks.kept[id]);
}

/* A thread of the parent may have had a mutex. glibc does not destroy a locked mutex; it owns no memory. */
void sr_attach_disinherit(struct sr_registry *registry)
{
	sr_attach_forget(registry);
	release(registry);
}
