/*
 * sr_base.c - the base directory: its users, and what a segment's path may be.
 */
#include "base/sr_base.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int sr_base_open(struct sr_base *base, const char *path, const char *registry)
{
	size_t length = strlen(path);
	struct statfs fs;

	if (length + 1 + SEGREG_PATH_MAX >= SEGREG_PATH_SIZE)
		return sr_fail(SEGREG_E_INVAL, "the path of base is too long: %s", path);
	strcpy(base->path, path);
	snprintf(base->lock_path, sizeof(base->lock_path), "%s/%s", path, SR_BASE_LOCK);
	sr_hold_init(&base->hold);
	base->own[0] = '\0';
	if (length == 1)
		length = 0; /* "/" */
	if (!strncmp(registry, path, length) && registry[length] == '/')
		strcpy(base->own, registry + length + 1);
	if (sr_kept_open(&base->dir, base->path, O_PATH | O_DIRECTORY) == -1)
		return sr_fail_errno(errno, "cannot open the base directory %s", path);
	base->has_file_ids = sr_sys_fstatfs(base->dir.fd, &fs) == 0 && fs.f_type != FUSE_SUPER_MAGIC;
	base->fid = sr_base_file_id(base, base->dir.fd, "");
	pthread_mutex_init(&base->mutex, NULL);
	return 0;
}

void sr_base_close(struct sr_base *base)
{
	if (!base->dir.path)
		return;
	sr_hold_drop(&base->hold);
	sr_kept_close(&base->dir);
	pthread_mutex_destroy(&base->mutex);
	base->dir.path = NULL;
}

int sr_base_fd(struct sr_base *base)
{
	int fd;

	pthread_mutex_lock(&base->mutex);
	fd = sr_kept_get(&base->dir);
	pthread_mutex_unlock(&base->mutex);
	return fd;
}

void sr_base_give(int dir, int fd, mode_t mode)
{
	struct stat st;

	if (sr_sys_fstat(dir, &st) == 0)
		sr_access_give(fd, &(struct sr_access){ .uid = st.st_uid, .gid = st.st_gid, .mode = mode });
}

/* ---------------------------------------------------------------- its users */

static int fail_to_lock(const struct sr_base *base)
{
	return sr_fail_errno(errno, "cannot lock %s", base->lock_path);
}

int sr_base_join(struct sr_base *base)
{
	if (sr_lockfile_open(&base->lockfile, base->lock_path, O_RDONLY) == -1)
		return errno == ENOENT ? sr_fail_kept(errno, base->lock_path) : fail_to_lock(base);
	if (sr_hold_take(&base->lockfile, 0, F_RDLCK, &base->hold) == 0)
		return 0;
	return errno == EAGAIN ? SR_BASE_TAKEN : fail_to_lock(base);
}

/* The lock file is empty and has one name. Any other file is there by mistake or malice, and keeps its owner and
 * mode. */
static void set_access(int fd, const struct sr_access *access)
{
	struct stat st;

	if (sr_sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size == 0)
		sr_access_give(fd, access);
}

/* Open the lock file, and make it if it is missing. Returns 0, or -1 with errno. O_CREAT alone would not do: it
 * refuses another user's file in a sticky directory (fs.protected_regular). */
static int open_lock(struct sr_base *base, const struct sr_access *access)
{
	int fd = sr_sys_openat(AT_FDCWD, base->lock_path, O_RDWR | O_NOFOLLOW, 0);

	if (fd == -1 && errno == ENOENT) {
		fd = sr_sys_openat(AT_FDCWD, base->lock_path, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd != -1)
			set_access(fd, access);
	}
	if (fd == -1)
		return -1;
	sr_sys_close(fd);
	return sr_lockfile_open(&base->lockfile, base->lock_path, O_RDWR);
}

/* cp -al gives a copy of base the lock file of the original. */
static int fail_in_use(const struct sr_base *base, int fd)
{
	struct stat st;

	if (sr_sys_fstat(fd, &st) == 0 && st.st_nlink > 1)
		return sr_fail(SEGREG_E_BUSY,
			       "%s is in use, and has %ju names (hard links, as cp -al makes them): a "
			       "copy of %s may share it. In the copy, remove %s; or end the processes "
			       "(fuser %s)",
			       base->lock_path, (uintmax_t)st.st_nlink, base->path, SR_BASE_LOCK, base->lock_path);
	return sr_fail(SEGREG_E_BUSY,
		       "%s is in use by processes that opened another registry.lock: one of this registry "
		       "that was replaced or removed since, or another registry's; end them first "
		       "(fuser %s)",
		       base->path, base->lock_path);
}

int sr_base_join_alone(struct sr_base *base, const struct sr_access *access, uint32_t timeout_ms)
{
	int64_t deadline = sr_sys_monotonic() + (int64_t)timeout_ms * 1000000;
	int fd, rc = 0;

	if (open_lock(base, access) == -1)
		return fail_to_lock(base);
	fd = sr_locking_open(&base->lockfile);
	if (fd == -1)
		return fail_to_lock(base);
	while (!rc && sr_sys_lock(fd, F_WRLCK, 0) == -1) {
		if (errno != EAGAIN)
			rc = fail_to_lock(base);
		else if (sr_sys_monotonic() > deadline)
			rc = fail_in_use(base, fd);
		else
			sr_sys_sleep(1000000); /* the holder may be dying */
	}
	/* Not earlier: as long as others use the lock file, it may be another registry's. */
	if (!rc)
		set_access(fd, access);
	if (!rc && sr_sys_lock(fd, F_RDLCK, 0) == -1)
		rc = fail_to_lock(base);
	if (rc)
		sr_locking_close(fd);
	else if (sr_hold_from(&base->lockfile, fd, &base->hold) == -1)
		rc = fail_to_lock(base);
	return rc;
}

/* ---------------------------------------------------------------- paths */

/* Are the paths equal, or does one lie in the other? */
static bool overlap(const char *a, const char *b)
{
	size_t shorter = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return !memcmp(a, b, shorter) && (a[shorter] == '\0' || a[shorter] == '/') &&
	       (b[shorter] == '\0' || b[shorter] == '/');
}

const char *sr_base_parent(const char *path, char parent[SEGREG_PATH_MAX + 1])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 1;

	memcpy(parent, slash ? path : ".", length);
	parent[length] = '\0';
	return slash ? slash + 1 : path;
}

static const char *fault_of_path(const struct sr_base *base, const char *path)
{
	size_t length = strlen(path);

	if (length == 0)
		return "it is empty";
	if (length > SEGREG_PATH_MAX)
		return "it is longer than 500 bytes";
	if (path[0] == '/')
		return "it is absolute; give it relative to base";
	if (!strncmp(path, SR_BASE_MARKER, strlen(SR_BASE_MARKER)))
		return "names that begin with .segreg are segreg's own";
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += part != path;
		size_t size = strcspn(part, "/");

		if (size == 0)
			return "it has an empty component";
		if (size == 1 && part[0] == '.')
			return "it has a component \".\"";
		if (size == 2 && part[0] == '.' && part[1] == '.')
			return "it has a component \"..\"";
	}
	if (base->own[0] && overlap(path, base->own))
		return "the registry itself lies there";
	return NULL;
}

int sr_base_check_path(const struct sr_base *base, const char *path)
{
	const char *fault = fault_of_path(base, path);

	return fault ? sr_fail(SEGREG_E_PATH, "path \"%s\" cannot be a segment's: %s", path, fault) : 0;
}

static int fail_to_reach(int errnum, const struct sr_base *base, const char *path)
{
	switch (errnum) {
	case ELOOP:
		return sr_fail(SEGREG_E_PATH, "path \"%s\" below %s leads through a symbolic link", path, base->path);
	case ENAMETOOLONG:
		return sr_fail(SEGREG_E_PATH,
			       "path \"%s\" below %s has a component that is longer than its file system permits", path,
			       base->path);
	case EXDEV:
		return sr_fail(SEGREG_E_PATH, "path \"%s\" below %s leads to another mount", path, base->path);
	default:
		return sr_fail_errno(errnum, "cannot reach \"%s\" below %s", path, base->path);
	}
}

static int check_identity(const struct sr_base *base, const char *path, const struct sr_identity *identity)
{
	if (identity->dev != base->dir.dev || identity->is_mount)
		return fail_to_reach(EXDEV, base, path);
	if (S_ISLNK(identity->mode))
		return fail_to_reach(ELOOP, base, path);
	if (!S_ISDIR(identity->mode) && !S_ISREG(identity->mode))
		return sr_fail(SEGREG_E_PATH, "path \"%s\" below %s is neither a directory nor a regular file", path,
			       base->path);
	return 0;
}

uint64_t sr_base_file_id(const struct sr_base *base, int dir, const char *name)
{
	return base->has_file_ids ? sr_sys_file_id(dir, name) : 0;
}

bool sr_base_is_registered(uint64_t dev, const struct sr_record *record, const struct sr_identity *identity)
{
	bool is_directory = S_ISDIR(identity->mode);

	if (identity->dev != dev || (!is_directory && !S_ISREG(identity->mode)))
		return false;
	/* Reserved and never published: the path was vacant, so what is there now was made by the builder. */
	if (!record->ino)
		return true;
	if (is_directory != record->is_directory)
		return false;
	if (record->fid && identity->fid)
		return record->fid == identity->fid;
	return record->ino == identity->ino && (!identity->btime || !record->btime || identity->btime == record->btime);
}

int sr_base_identify_beside(struct sr_base *base, const char *path, struct sr_identity *identity)
{
	int dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	if (sr_sys_identify(dir, path, identity) == -1)
		return fail_to_reach(errno, base, path);
	identity->fid = sr_base_file_id(base, dir, path);
	return check_identity(base, path, identity);
}

int sr_base_identify(struct sr_base *base, const char *path, struct sr_identity *identity)
{
	int rc, fd, dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	fd = sr_sys_open_beneath(dir, path, O_PATH | O_NOFOLLOW);
	if (fd == -1)
		return fail_to_reach(errno, base, path);
	if (sr_sys_identify(fd, "", identity) == -1)
		rc = fail_to_reach(errno, base, path);
	else
		rc = check_identity(base, path, identity);
	if (!rc)
		identity->fid = sr_base_file_id(base, fd, "");
	sr_sys_close(fd);
	return rc;
}
