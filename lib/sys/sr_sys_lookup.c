/*
 * sr_sys_lookup.c - names below a directory: open them without leaving the directory, and identify the inode behind a
 * name.
 */
#include "sys/sr_sys.h"
#include "sys/sr_atomic.h"
#include "sys/sr_sys_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/*
 * What statx is asked for: not the times. Since Linux 6.13 some file systems have multigrain timestamps. There, a query
 * for mtime or ctime makes the next write set a new time, and fdatasync then writes the inode as well.
 */
#define IDENTITY (STATX_BASIC_STATS & ~(STATX_ATIME | STATX_MTIME | STATX_CTIME))

/* The fallback without statx: gives no birth time, and never reports a mount. */
static int identify_by_fstatat(int dir, const char *name, struct sr_identity *identity)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH) == -1)
		return -1;
	*identity = (struct sr_identity){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.mode = st.st_mode,
		.nlink = st.st_nlink,
		.blocks = (uint64_t)st.st_blocks,
		.size = (uint64_t)st.st_size,
	};
	return 0;
}

int sr_identify_unfailed(int dir, const char *name, struct sr_identity *identity)
{
	struct statx stx;

	if (sr_made_to_forbid("statx"))
		return identify_by_fstatat(dir, name, identity);
	if (SR_RETRY(statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH, IDENTITY | STATX_BTIME,
			   &stx)) == -1)
		return errno == ENOSYS || errno == EPERM ? identify_by_fstatat(dir, name, identity) : -1;
	*identity = (struct sr_identity){
		.dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
		.ino = stx.stx_ino,
		.btime = stx.stx_mask & STATX_BTIME ? stx.stx_btime.tv_sec * 1000000000 + stx.stx_btime.tv_nsec : 0,
		.mode = stx.stx_mode,
		.is_mount = stx.stx_attributes & stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT,
		.nlink = stx.stx_nlink,
		.blocks = stx.stx_blocks,
		.size = stx.stx_size,
	};
	return 0;
}

static int open_by_openat2(int dir, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	long fd;

	if (sr_made_to_fail("openat2"))
		return -1;
	/* EAGAIN: another process renamed something during this look-up, and the kernel asks us to repeat it. */
	do
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	while (fd == -1 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

/* Whether openat2 is available. Tries it once, on the root directory, where it succeeds on every kernel that has it. */
static bool has_openat2(void)
{
	static uint32_t answer; /* 0: not tried yet, 1: no, 2: yes */
	uint32_t known = sr_load_acquire_u32(&answer);
	int fd;

	if (sr_made_to_forbid("openat2"))
		return false;
	if (known)
		return known == 2;
	fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &(struct open_how){ .flags = O_PATH | O_CLOEXEC },
			  sizeof(struct open_how));
	known = fd >= 0 || !sr_is_forbidden() ? 2 : 1;
	if (fd >= 0)
		close(fd);
	sr_store_release_u32(&answer, known);
	return known == 2;
}

/*
 * Copy the next component of *path to part and move *path behind it. Returns false with errno 0 at the end of the path,
 * and false with another errno if the component leads out or is too long.
 */
static bool next_part(const char **path, char part[NAME_MAX + 1])
{
	size_t length = strcspn(*path, "/");

	errno = 0;
	if (length > NAME_MAX)
		errno = ENAMETOOLONG;
	else if (length == 0 && **path)
		errno = EXDEV; /* an absolute path, or an empty component */
	if (errno || length == 0)
		return false;
	memcpy(part, *path, length);
	part[length] = '\0';
	*path += length + ((*path)[length] == '/');
	if (strcmp(part, "..") == 0)
		errno = EXDEV;
	return !errno;
}

/*
 * Whether fd, opened without following a link, is on device dev and is not the root of another mount. Returns false
 * with errno.
 */
static bool is_same_mount(int fd, uint64_t dev)
{
	struct sr_identity identity;

	if (sr_identify_unfailed(fd, "", &identity) == -1)
		return false;
	errno = S_ISLNK(identity.mode) ? ELOOP : EXDEV;
	return identity.dev == dev && !identity.is_mount && !S_ISLNK(identity.mode);
}

static int close_failing(int fd)
{
	sr_sys_close(fd);
	return -1;
}

/*
 * Do in steps what openat2 does at once. Each step opens one component without following a link, and checks that it is
 * on dir's device and is not a mount. Each step starts from the directory that the step before opened. So no process
 * can lead it elsewhere by replacing a directory that is already behind.
 */
static int open_in_steps(int dir, const char *path, int flags)
{
	struct sr_identity start;
	char part[NAME_MAX + 1];
	int at = dir, fd;

	if (sr_made_to_fail("openat2") || sr_identify_unfailed(dir, "", &start) == -1)
		return -1;
	if (!*path)
		errno = ENOENT;
	while (next_part(&path, part)) {
		bool last = !*path;

		fd = (int)SR_RETRY(openat(at, part, (last ? flags | O_NOFOLLOW : O_PATH | O_NOFOLLOW) | O_CLOEXEC));
		if (at != dir)
			sr_sys_close(at);
		if (fd == -1)
			return -1;
		if (strcmp(part, ".") && !is_same_mount(fd, start.dev))
			return close_failing(fd);
		if (last)
			return fd;
		at = fd;
	}
	return at != dir ? close_failing(at) : -1;
}

int sr_sys_open_beneath(int dir, const char *path, int flags)
{
	return has_openat2() ? open_by_openat2(dir, path, flags) : open_in_steps(dir, path, flags);
}

int sr_sys_identify(int dir, const char *name, struct sr_identity *identity)
{
	return sr_made_to_fail("statx") ? -1 : sr_identify_unfailed(dir, name, identity);
}

int sr_sys_identify_open(int fd, struct sr_identity *identity)
{
	return sr_made_to_fail("fstat") ? -1 : sr_identify_unfailed(fd, "", identity);
}

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200 /* Linux 6.5: handles that only identify a file; overlayfs has no other handles */
#endif

/* FNV-1a with 64 bits (Fowler, Noll, Vo). Never returns 0. */
static uint64_t hash_bytes(const unsigned char *bytes, size_t n, uint64_t hash)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	return hash ? hash : 1;
}

uint64_t sr_sys_file_id(int dir, const char *name)
{
	union {
		struct file_handle handle;
		unsigned char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount, flags = *name ? 0 : AT_EMPTY_PATH, errnum = errno, rc;
	uint64_t hash;

	if (sr_made_to_fail("name_to_handle_at"))
		return 0;
	rc = name_to_handle_at(dir, name, &u.handle, &mount, flags | AT_HANDLE_FID);
	if (rc == -1 && errno == EINVAL)
		rc = name_to_handle_at(dir, name, &u.handle, &mount, flags);
	errno = errnum;
	if (rc == -1)
		return 0;
	hash = hash_bytes((const unsigned char *)&u.handle.handle_type, sizeof(u.handle.handle_type),
			  0xcbf29ce484222325ull);
	return hash_bytes(u.handle.f_handle, u.handle.handle_bytes, hash);
}
