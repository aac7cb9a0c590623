/*
 * tree_meta.c - the metadata of a file. ACLs are extended attributes.
 *
 * The order matters: a change of the owner takes the set-user-ID bit and the capabilities away, and so it comes first.
 * What sets an ACL sets the group's bits of the mode. The times come last.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "segctl/tree_file.h"

static const struct ctl_tree_fault none;

static struct ctl_tree_fault fault(const char *what, bool in_source)
{
	return (struct ctl_tree_fault){ .error = errno, .what = what, .in_source = in_source };
}

/* This user may not give that, or this file system does not have it. */
static bool is_refused(int error)
{
	return error == EPERM || error == EACCES || error == EOPNOTSUPP || error == EINVAL || error == E2BIG ||
	       error == ERANGE;
}

/* The system may have given the value itself, as a security label. */
static bool has_attribute(int fd, const char *name, const void *value, size_t size)
{
	static char there[XATTR_SIZE_MAX];
	ssize_t n = fgetxattr(fd, name, there, sizeof there);

	return n == (ssize_t)size && !memcmp(there, value, size);
}

static struct ctl_tree_fault keep_attribute(int from, int to, const char *name, const char **lost)
{
	static char value[XATTR_SIZE_MAX];
	static char kept[XATTR_NAME_MAX + 1];
	ssize_t size = fgetxattr(from, name, value, sizeof value);

	if (size == -1 && errno == ENODATA) /* only the kernel can read it */
		return none;
	if (size == -1)
		return fault("read an extended attribute of", true);
	if (fsetxattr(to, name, value, (size_t)size, 0) == 0)
		return none;
	if (!is_refused(errno))
		return fault("write an extended attribute of", false);
	if (!has_attribute(to, name, value, (size_t)size)) {
		snprintf(kept, sizeof kept, "%.*s", XATTR_NAME_MAX, name);
		*lost = kept;
	}
	return none;
}

static struct ctl_tree_fault keep_attributes(int from, int to, const char **lost)
{
	static char names[XATTR_LIST_MAX];
	ssize_t n = flistxattr(from, names, sizeof names);

	if (n == -1 && errno != EOPNOTSUPP)
		return fault("list the extended attributes of", true);
	for (const char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		struct ctl_tree_fault wrong = keep_attribute(from, to, name, lost);

		if (wrong.error)
			return wrong;
	}
	return none;
}

/*
 * Give the owner and the group, or the group alone. *mode loses the bits that would lend another user's rights.
 */
static struct ctl_tree_fault keep_owner(int dir, const char *name, const struct stat *st, mode_t *mode,
					const char **lost)
{
	int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;

	if (fchownat(dir, name, st->st_uid, st->st_gid, flags) == 0)
		return none;
	if (!is_refused(errno))
		return fault("give an owner to", false);
	*mode &= ~(mode_t)(S_ISUID | S_ISGID);
	*lost = "the owner";
	if (fchownat(dir, name, (uid_t)-1, st->st_gid, flags) == -1 && !is_refused(errno))
		return fault("give a group to", false);
	return none;
}

struct ctl_tree_fault ctl_tree_keep(int from, int to, const struct stat *st, const char **lost)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	mode_t mode = st->st_mode & 07777;
	struct ctl_tree_fault wrong = keep_owner(to, "", st, &mode, lost);

	if (!wrong.error)
		wrong = keep_attributes(from, to, lost);
	if (wrong.error)
		return wrong;
	if (fchmod(to, mode) == -1)
		return fault("give a mode to", false);
	return futimens(to, times) == 0 ? none : fault("give times to", false);
}

struct ctl_tree_fault ctl_tree_keep_at(int dir, const char *name, const struct stat *st, const char **lost)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	mode_t mode = st->st_mode & 07777;
	struct ctl_tree_fault wrong = keep_owner(dir, name, st, &mode, lost);

	if (wrong.error)
		return wrong;
	if (!S_ISLNK(st->st_mode) && fchmodat(dir, name, mode, 0) == -1)
		return fault("give a mode to", false);
	return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) == 0 ? none : fault("give times to", false);
}
