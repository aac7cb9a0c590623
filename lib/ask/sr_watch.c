/*
 * sr_watch.c - descriptors that poll(2) can watch for versions, or for work of a sweep.
 *
 * A watch is one inotify descriptor, and belongs to the caller. The library remembers nothing of it. So the caller may
 * close it at any time, and a forked child inherits nothing but the descriptor.
 */
#include "ask/sr_watch.h"
#include "shm/sr_ring.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

static int fail_open(int errnum)
{
	if (errnum == ENOSYS)
		return sr_fail(SEGREG_E_UNSUPPORTED,
			       "this kernel, or a filter of system calls, has no inotify; wait in a thread instead");
	if (errnum == EMFILE)
		return sr_fail(SEGREG_E_IO,
			       "cannot make an inotify descriptor: %s; close other watches of this user, or raise its "
			       "limit (sysctl "
			       "fs.inotify.max_user_instances) or the limit of open files (ulimit -n, LimitNOFILE=)",
			       strerror(errnum));
	return sr_fail_errno(errnum, "cannot make an inotify descriptor");
}

static int fail_add(int errnum, const char *path)
{
	if (errnum == ENOSPC)
		return sr_fail(SEGREG_E_IO,
			       "cannot watch %s: this user has no watch left (sysctl fs.inotify.max_user_watches)",
			       path);
	return sr_fail_errno(errnum, "cannot watch %s by inotify", path);
}

/* Watch the region's object, which must still have its name. */
static int watch_object(const struct sr_registry *registry, int fd)
{
	const struct sr_region *region = &registry->region;

	if (sr_sys_inotify_add(fd, region->object, SR_RING_OBJECT_MASK) == -1 && errno != ENOENT)
		return fail_add(errno, region->object);
	if (sr_region_is_named(region, registry->region_name))
		return 0;
	return sr_fail(SEGREG_E_REGION_LOST,
		       "shared memory %s was removed while %s is in use; stop all its processes and start them again",
		       registry->region_name, registry->dir);
}

/* Watch registry.lock, which must still be the file that was opened. */
static int watch_lock(const struct sr_registry *registry, int fd)
{
	const char *path = registry->lock_path;
	struct sr_identity identity;

	if (sr_sys_inotify_add(fd, path, SR_RING_LOCK_MASK) == -1)
		return errno == ENOENT ? sr_fail_kept(errno, path) : fail_add(errno, path);
	if (sr_sys_identify(AT_FDCWD, path, &identity) == -1)
		return sr_fail_kept(errno, path);
	if (identity.dev != registry->lockfile.dev || identity.ino != registry->lockfile.ino)
		return sr_fail_kept(ESTALE, path);
	return 0;
}

int sr_watch_open(struct segreg *reg, unsigned what, struct segreg_watch *watch)
{
	int rc, fd = sr_sys_inotify_open();

	if (fd == -1)
		return fail_open(errno);
	rc = watch_object(reg->registry, fd);
	if (!rc)
		rc = watch_lock(reg->registry, fd);
	if (rc) {
		sr_sys_close(fd);
		return rc;
	}
	*watch = (struct segreg_watch){ .owner = reg->lane_id, .fd = fd, .what = what };
	sr_ring_ask(&reg->region, what);
	return 0;
}

static int check(const struct segreg *reg, const struct segreg_watch *watch)
{
	if (watch->owner == reg->lane_id && watch->what &&
	    !(watch->what & ~(SEGREG_WATCH_VERSION | SEGREG_WATCH_SWEEP)))
		return 0;
	return sr_fail(SEGREG_E_INVAL,
		       "this handle has not made the watch; a forked child closes its parent's descriptor "
		       "with close(2), and makes a watch of its own");
}

int sr_watch_clear(struct segreg *reg, const struct segreg_watch *watch)
{
	int rc = check(reg, watch);

	if (rc)
		return rc;
	if (sr_sys_inotify_drain(watch->fd) == -1)
		return errno == EBADF ? sr_fail(SEGREG_E_INVAL, "the watch's descriptor %d is closed; make a new watch",
						watch->fd)
				      : sr_fail_errno(errno, "cannot read the watch's descriptor %d", watch->fd);
	SR_STOP("watch.drained");
	sr_ring_ask(&reg->region, watch->what);
	return 0;
}

int sr_watch_close(struct segreg *reg, struct segreg_watch *watch)
{
	int rc = check(reg, watch);

	if (rc)
		return rc;
	sr_sys_close(watch->fd);
	*watch = (struct segreg_watch){ .fd = -1 };
	return 0;
}
