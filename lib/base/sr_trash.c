/*
 * sr_trash.c - removal below base, and nowhere else.
 *
 * A victim is verified by device and file handle, or else by inode number and birth time. Then it is renamed to
 * BASE/.segreg-trash/ID.REGISTERED_AT, verified once more there, and taken apart through descriptors. Only openat2
 * resolves a path of more than one component: with RESOLVE_BENEATH, NO_SYMLINKS, NO_MAGICLINKS and NO_XDEV, starting at
 * base. So another process can do what it likes meanwhile:
 *
 * - It exchanges a directory on the way for a symlink: the look-up fails, and nothing is touched.
 * - It exchanges the victim between the first check and the rename: the second check fails, and what was moved is
 *   renamed back.
 * - It exchanges a directory inside the victim for a symlink: the symlink itself is unlinked.
 * - It mounts something inside the victim: that is another device and is not entered. The deletion fails with EBUSY or
 *   EXDEV.
 * - It turns a directory between base and the victim, or one in the victim, into a registry or the base of one. The
 * deletion looks for that before the rename and after it. It fails with EBUSY, and moves the victim back.
 * - It moves the victim, or a directory in it, out of the trash. sr_removal.c checks where it is, and stops after at
 *   most 32 more names.
 *
 * After a crash, what is in the trash under the victim's own name is the victim, and the next sweep goes on with it. So
 * no other victim may ever have that name. An id that is used again was registered, or reserved, at another nanosecond.
 *
 * Where FUSE or a filter refuses RENAME_NOREPLACE or openat2, the sr_sys functions do the same in steps, as their
 * comments say. Where a directory cannot be renamed at all (a lower layer of overlayfs), it is taken apart where it is.
 *
 * Files are never truncated: a reader may have one mapped. Trees of any depth are removed with few descriptors: below a
 * certain depth a directory is first moved up to the victim's top.
 */
#include "base/sr_trash.h"
#include "sys/sr_error.h"
#include "base/sr_removal.h"
#include "base/sr_foreign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 24 /* directories open at once; deeper ones are not measured */

int sr_trash_make(int dir)
{
	bool is_new = sr_sys_mkdirat(dir, SR_BASE_TRASH, 0700) == 0;
	struct stat base, trash;
	int fd;

	if (!is_new && errno != EEXIST)
		return -1;
	fd = sr_sys_openat(dir, SR_BASE_TRASH, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd == -1)
		return is_new ? -1 : 0;
	/* Also mend a trash that this user made for another: as root in an earlier version, or before a crash right
	 * here. */
	if (sr_sys_fstat(dir, &base) == 0 && sr_sys_fstat(fd, &trash) == 0 &&
	    (is_new || (trash.st_uid == geteuid() && trash.st_uid != base.st_uid)))
		sr_base_give(dir, fd, 0700 | (base.st_mode & 0070));
	sr_sys_close(fd);
	return 0;
}

int sr_trash_open(struct sr_trash *trash, struct sr_base *base, uint64_t pace, uint64_t pace_files)
{
	struct sr_identity identity;

	*trash = (struct sr_trash){ .base = base, .pace = pace, .pace_files = pace_files, .dev = base->dir.dev };
	trash->base_fd = sr_base_fd(base);
	if (trash->base_fd == -1)
		return sr_fail_kept(errno, base->path);
	trash->base_fd = sr_sys_openat(trash->base_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (trash->base_fd == -1)
		return sr_fail_kept(errno, base->path);
	if (sr_trash_make(trash->base_fd) == -1)
		goto fail;
	trash->trash_fd = sr_sys_open_beneath(trash->base_fd, SR_BASE_TRASH, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (trash->trash_fd == -1)
		goto fail;
	if (sr_sys_identify(trash->trash_fd, "", &identity) == 0 && identity.dev == trash->dev)
		return 0;
	sr_sys_close(trash->trash_fd);
	errno = EXDEV;
fail:
	sr_sys_close(trash->base_fd);
	return sr_fail_errno(errno, "cannot use %s/%s", base->path, SR_BASE_TRASH);
}

static void forget_parents(struct sr_trash *trash)
{
	while (trash->n_parents)
		free(trash->parents[--trash->n_parents]);
}

void sr_trash_close(struct sr_trash *trash)
{
	forget_parents(trash);
	sr_sys_close(trash->trash_fd);
	sr_sys_close(trash->base_fd);
}

/* ---------------------------------------------------------------- durability */

/* A parent that is gone itself needs no sync: the entry went with it. */
static int sync_parent(struct sr_trash *trash, const char *path)
{
	int error = 0, fd = sr_sys_open_beneath(trash->base_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
	if (sr_sys_fsync(fd) == -1)
		error = errno;
	sr_sys_close(fd);
	return error;
}

int sr_trash_sync(struct sr_trash *trash)
{
	int error = 0;

	for (unsigned i = 0; i < trash->n_parents && !error; i++)
		error = sync_parent(trash, trash->parents[i]);
	if (!error && sr_sys_fsync(trash->trash_fd) == -1)
		error = errno;
	if (!error)
		forget_parents(trash);
	return error;
}

/* Remember that the directory above path lost an entry. Returns 0, or an errno. */
static int note_parent(struct sr_trash *trash, const char *path)
{
	char parent[SEGREG_PATH_MAX + 1], *copy;

	sr_base_parent(path, parent);
	for (unsigned i = trash->n_parents; i-- > 0;)
		if (!strcmp(trash->parents[i], parent))
			return 0;
	if (trash->n_parents == SR_TRASH_PARENTS) {
		int error = sr_trash_sync(trash);

		if (error)
			return error;
	}
	copy = sr_sys_malloc(strlen(parent) + 1);
	if (!copy)
		return ENOMEM;
	trash->parents[trash->n_parents++] = strcpy(copy, parent);
	return 0;
}

/* ---------------------------------------------------------------- the way into the trash */

static int blame(struct sr_removed *removed, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int blame(struct sr_removed *removed, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(removed->where, sizeof(removed->where), format, args);
	va_end(args);
	return error;
}

/* Identify name in dir, with its file handle. Returns 0, or -1 with errno. */
static int identify(const struct sr_trash *trash, int dir, const char *name, struct sr_identity *identity)
{
	if (sr_sys_identify(dir, name, identity) == -1)
		return -1;
	identity->fid = sr_base_file_id(trash->base, dir, name);
	return 0;
}

void sr_trash_name(const struct sr_record *record, char name[SR_TRASH_NAME_SIZE])
{
	snprintf(name, SR_TRASH_NAME_SIZE, "%" PRIu64 ".%" PRId64, record->id, record->registered_at);
}

int sr_trash_has(struct sr_base *base, const struct sr_record *record)
{
	char path[sizeof(SR_BASE_TRASH) + SR_TRASH_NAME_SIZE], name[SR_TRASH_NAME_SIZE];
	struct sr_identity identity;
	int dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	sr_trash_name(record, name);
	snprintf(path, sizeof(path), "%s/%s", SR_BASE_TRASH, name);
	if (sr_sys_identify(dir, path, &identity) == 0)
		return 1;
	return errno == ENOENT ? 0 : sr_fail_errno(errno, "cannot look at %s below %s", path, base->path);
}

/* May name in dir, which has that identity, be removed, or is a registry or a base in it? Returns 0 or an errno. */
static int look_inside(int dir, const char *name, const struct sr_identity *identity, struct sr_removed *removed)
{
	return S_ISDIR(identity->mode) ? sr_removal_look(dir, name, removed) : 0;
}

/* Remove name from the trash. Returns ENOENT if it is not there. */
static int empty_trash(struct sr_trash *trash, const struct sr_record *record, const char *name,
		       struct sr_removed *removed)
{
	const struct sr_place place = { .dir = trash->trash_fd, .path = SR_BASE_TRASH, .name = name };
	struct sr_identity identity;

	if (identify(trash, trash->trash_fd, name, &identity) == -1)
		return errno == ENOENT ? ENOENT : blame(removed, errno, "cannot look at %s in the trash", name);
	if (!sr_base_is_registered(trash->dev, record, &identity))
		return blame(removed, ESTALE, "%s in the trash is not what was registered", name);
	return sr_removal_run(trash, &place, &identity, removed);
}

/* Nothing is at the segment's path. It is gone only if dir is the directory that it was registered in. A base that was
 * moved, or restored, is another directory. Returns 0, or an errno. */
static int check_parent(const struct sr_trash *trash, const struct sr_record *record, int dir, const char *parent,
			struct sr_removed *removed)
{
	struct sr_identity identity;

	if (!record->parent_ino || !strcmp(parent, "."))
		return 0;
	if (identify(trash, dir, "", &identity) == -1)
		return blame(removed, errno, "cannot look at its directory %s", parent);
	if (record->parent_fid && identity.fid ? record->parent_fid == identity.fid
					       : record->parent_ino == identity.ino)
		return 0;
	return blame(
		removed, ESTALE,
		"it is missing, and its directory %s is not the one that it was registered in; bring that back, or "
		"forget the segment (segctl remove --force)",
		parent);
}

/*
 * Something else is at the path of a segment whose name may be in use again; identity says what. Is the segment gone?
 * File handles have to show that this is another file: an inode number alone may be that of the segment. In a copy of
 * the directory, the segment's copy would be at the path, and nothing would ever delete it. So dir has to be the very
 * directory that the segment was registered in.
 */
static bool is_used_again(const struct sr_trash *trash, const struct sr_record *record, int dir,
			  const struct sr_identity *identity)
{
	struct sr_identity above;

	if (!record->fid || !identity->fid || record->fid == identity->fid || !record->parent_fid)
		return false;
	if (identity->dev != trash->dev || identity->is_mount)
		return false;
	return identify(trash, dir, "", &above) == 0 && above.fid == record->parent_fid;
}

/* A directory of a lower layer of overlayfs cannot be renamed, so take it apart where it is. What is at its path
 * with its identity is the victim, whatever a crash has left of it. */
static int remove_in_place(struct sr_trash *trash, const struct sr_record *record, int dir, const char *parent,
			   const char *leaf, const struct sr_identity *identity, struct sr_removed *removed)
{
	const struct sr_place place = { .dir = dir, .path = parent, .name = leaf };
	int error = sr_removal_run(trash, &place, identity, removed);

	return error ? error : note_parent(trash, record->path);
}

/* A directory above the victim may have become a registry or another base since the registration. Returns 0 or an
 * errno. */
static int check_above(const struct sr_trash *trash, const char *path, struct sr_removed *removed)
{
	size_t length = 0;
	int answer = sr_foreign_has_registry(trash->base_fd);

	if (!answer)
		answer = sr_foreign_find_above(trash->base_fd, path, &length);
	if (!answer)
		return 0;
	if (!length)
		path = ".", length = 1;
	if (answer == -1)
		return blame(removed, errno, "cannot see whether its directory %.*s is a registry", (int)length, path);
	return blame(removed, EBUSY,
		     "its directory %.*s is a registry, or another registry's base: others may pin what is there",
		     (int)length, path);
}

/*
 * Look once more at what was renamed, before the first unlink. Another process may have exchanged it, or put a registry
 * or a base there, between the first look and the rename. Such a thing is moved back to leaf in dir. Returns 0 or an
 * errno.
 */
static int check_moved(const struct sr_trash *trash, const struct sr_record *record, const char *name, int dir,
		       const char *leaf, struct sr_removed *removed)
{
	struct sr_identity identity;
	int error;

	if (identify(trash, trash->trash_fd, name, &identity) == -1)
		return blame(removed, errno, "cannot look at %s in the trash", name);
	if (!sr_base_is_registered(trash->dev, record, &identity))
		error = blame(removed, ESTALE, "its path is no longer what was registered");
	else if (!(error = check_above(trash, record->path, removed)))
		error = look_inside(trash->trash_fd, name, &identity, removed);
	if (error)
		sr_sys_rename_back(trash->trash_fd, name, dir, leaf);
	return error;
}

/* May what is at leaf in dir be moved into the trash? Returns 0 or an errno. */
static int check_victim(const struct sr_trash *trash, const struct sr_record *record, int dir, const char *leaf,
			const struct sr_identity *identity, struct sr_removed *removed)
{
	int error = check_above(trash, record->path, removed);

	return error ? error : look_inside(dir, leaf, identity, removed);
}

/* Rename the victim into the trash. *gone: nothing is left to take apart in the trash. */
static int move_to_trash(struct sr_trash *trash, const struct sr_record *record, const char *name, bool may_be_reused,
			 struct sr_removed *removed, bool *gone)
{
	char parent[SEGREG_PATH_MAX + 1];
	const char *leaf = sr_base_parent(record->path, parent);
	struct sr_identity identity;
	bool was_moved = false;
	int dir, error = 0;

	/* Without O_NOFOLLOW: it would turn a symlink at the end into ENOTDIR. RESOLVE_NO_SYMLINKS turns it into
	 * ELOOP, so the failure names the symlink. */
	dir = sr_sys_open_beneath(trash->base_fd, parent, O_PATH | O_DIRECTORY);
	if (dir == -1 && errno == ENOENT)
		return blame(
			removed, ENOENT,
			"its directory %s is missing; bring it back, or forget the segment (segctl remove --force)",
			parent);
	if (dir == -1)
		return blame(removed, errno, "cannot reach its directory %s", parent);
	*gone = identify(trash, dir, leaf, &identity) == -1;
	removed->was_gone = *gone && errno == ENOENT;
	if (*gone)
		error = errno == ENOENT ? check_parent(trash, record, dir, parent, removed)
					: blame(removed, errno, "cannot look at it");
	else if (sr_base_is_registered(trash->dev, record, &identity))
		error = check_victim(trash, record, dir, leaf, &identity, removed);
	else if (may_be_reused && is_used_again(trash, record, dir, &identity))
		*gone = removed->was_gone = removed->is_used_again = true;
	else
		error = blame(removed, ESTALE, "its path is no longer what was registered");
	SR_STOP("trash.looked");
	if (*gone || error)
		goto out;
	if (sr_sys_rename_noreplace(dir, leaf, trash->trash_fd, name) == -1) {
		*gone = errno == EXDEV;
		error = *gone ? remove_in_place(trash, record, dir, parent, leaf, &identity, removed)
			      : blame(removed, errno, "cannot move it to %s", SR_BASE_TRASH);
	} else {
		was_moved = true;
	}
	if (!was_moved)
		goto out;
	SR_STOP("trash.renamed");
	error = note_parent(trash, record->path);
	if (!error)
		error = check_moved(trash, record, name, dir, leaf, removed);
out:
	sr_sys_close(dir);
	return error;
}

static int remove_victim(struct sr_trash *trash, const struct sr_record *record, bool may_be_reused,
			 struct sr_removed *removed)
{
	char name[SR_TRASH_NAME_SIZE];
	bool gone = false;
	int error;

	*removed = (struct sr_removed){ .bytes_freed = 0 };
	sr_trash_name(record, name);

	/* First what a crash left in the trash: what is at the path by then is something else, and not ours. */
	error = empty_trash(trash, record, name, removed);
	if (error == 0)
		return note_parent(trash, record->path);
	if (error != ENOENT)
		return error;
	error = move_to_trash(trash, record, name, may_be_reused, removed, &gone);
	if (error)
		return error;
	if (gone) /* it was gone before, or was removed where it was; make sure that it stays gone */
		return note_parent(trash, record->path);
	error = empty_trash(trash, record, name, removed);
	return error == ENOENT ? 0 : error;
}

int sr_trash_remove(struct sr_trash *trash, const struct sr_record *record, struct sr_removed *removed)
{
	return remove_victim(trash, record, false, removed);
}

int sr_trash_remove_reused(struct sr_trash *trash, const struct sr_record *record, struct sr_removed *removed)
{
	return remove_victim(trash, record, true, removed);
}

/* ---------------------------------------------------------------- measuring */

static uint64_t measure_entry(int dir, const char *name, unsigned depth)
{
	struct sr_identity identity;
	struct dirent *entry;
	uint64_t bytes;
	DIR *stream;
	int fd;

	if (sr_sys_identify(dir, name, &identity) == -1)
		return 0;
	bytes = S_ISDIR(identity.mode) || identity.nlink == 1 ? identity.blocks * 512 : 0;
	if (!S_ISDIR(identity.mode) || depth >= DEPTH_MAX)
		return bytes;
	fd = sr_sys_open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	stream = fd == -1 ? NULL : fdopendir(fd);
	if (!stream) {
		if (fd != -1)
			sr_sys_close(fd);
		return bytes;
	}
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			bytes += measure_entry(fd, entry->d_name, depth + 1);
	closedir(stream);
	return bytes;
}

uint64_t sr_trash_measure(struct sr_trash *trash, const struct sr_record *record)
{
	struct sr_identity identity;
	uint64_t bytes = 0;
	int fd = sr_sys_open_beneath(trash->base_fd, record->path, O_PATH | O_NOFOLLOW);

	if (fd == -1)
		return 0;
	if (sr_sys_identify(fd, "", &identity) == 0)
		bytes = measure_entry(fd, S_ISDIR(identity.mode) ? "." : "", 0);
	sr_sys_close(fd);
	return bytes;
}
