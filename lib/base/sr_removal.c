/*
 * sr_removal.c - taking one thing apart: a file, or a directory with all that is in it, through descriptors.
 *
 * A process that has a directory open goes on in it wherever the directory is moved to. So the removal checks each
 * directory before it removes the first entry: does each level still lie in the one above? After each LOOK_EVERY names
 * it checks the whole way down from base again. If a level is not in its place, the removal stops. What is moved away
 * between two checks loses up to LOOK_EVERY names.
 *
 * A directory that has a registry in it, or is the base of one, stays as it is, since others may pin what is there.
 * sr_removal_look searches the victim for such directories before it is moved, so that it stays at its path, and once
 * more afterwards (sr_trash.c). A directory that comes after that, or lies beyond the bounds of the search, is found
 * when its turn comes. What was beside it is gone by then. A deep directory is searched in the same way before it is
 * moved up. If such a directory is inside, the deep one is emptied where it is.
 */
#include "base/sr_removal.h"
#include "base/sr_foreign.h"
#include "sys/sr_error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 24         /* directories open at once; deeper ones are moved up first */
#define DEPTH_LAST 256       /* directories open at once where deep ones cannot be moved, or must not be */
#define ASK_EVERY 1000000000 /* nanoseconds */
#define ASK_FILES 1000u
#define LOOK_EVERY 32u   /* names */
#define LOOK_MAX 4096u   /* directories that are looked into before a victim is moved */
#define PAUSE_MAX 3600e9 /* nanoseconds after one file, however slow the pace */

/* One removal under way. */
struct job {
	struct sr_trash *trash;
	struct sr_removed *removed;
	const struct sr_place *place;
	uint64_t ino; /* the victim's */
	int top;      /* the victim's own directory, to which deep ones are moved up */
	bool moved_up;
	bool stop;               /* nothing more may be touched, or can be */
	unsigned unlinked, left; /* names */
	void *linked;            /* tsearch(3) tree of inode numbers that were counted as linked */
};

/* A directory that is being emptied. */
struct level {
	const struct level *up; /* NULL: the victim itself */
	uint64_t ino;
	int fd;
	unsigned depth;
};

/* Is the disk or its file system broken, or read only? Then each further name would fail too, and a broken disk must
 * not be written to. */
static bool is_of_disk(int error)
{
	switch (error) {
	case EIO:
	case EROFS:
	case EUCLEAN: /* ext4, xfs and btrfs: damaged, */
	case EBADMSG: /* or a wrong checksum */
	case ENODEV:
	case ENXIO:
	case ESHUTDOWN:
	case ENOTCONN: /* the server of a FUSE file system is gone */
		return true;
	default:
		return false;
	}
}

/* Record a failure; the result names the first one. */
static int blame(struct job *job, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int blame(struct job *job, int error, const char *format, ...)
{
	struct sr_removed *removed = job->removed;
	va_list args;

	job->left++;
	job->stop |= is_of_disk(error);
	if (*removed->where)
		return error;
	va_start(args, format);
	vsnprintf(removed->where, sizeof(removed->where), format, args);
	va_end(args);
	return error;
}

/* ---------------------------------------------------------------- pace and figures */

/* Returns the nanoseconds that the pace allows for a file of this size. */
static double time_for(const struct sr_trash *trash, uint64_t bytes)
{
	double of_bytes = trash->pace ? (double)bytes * 1e9 / (double)trash->pace : 0;
	double of_file = trash->pace_files ? 1e9 / (double)trash->pace_files : 0;

	return of_bytes > of_file ? of_bytes : of_file;
}

/* Ask the caller whether to stop, after ASK_EVERY or ASK_FILES, whichever comes first. In a fast removal that is
 * ASK_FILES; with a slow disk or a pace it is ASK_EVERY. */
static bool is_stopped(struct sr_trash *trash, int64_t now)
{
	if (!trash->stop || (now - trash->asked_at < ASK_EVERY && trash->unasked < ASK_FILES))
		return false;
	trash->asked_at = now;
	trash->unasked = 0;
	return trash->stop(trash->arg);
}

/* Wait until the pace allows the next file. Returns false if the caller stops the removal. */
static bool keep_pace(struct sr_trash *trash, uint64_t bytes)
{
	double pause = time_for(trash, bytes);
	int64_t now = sr_sys_monotonic();

	/* Each sweep removes at least one file, so that sweeps that are always stopped come to an end. */
	if (trash->unasked++ && is_stopped(trash, now))
		return false;
	if (!trash->pace && !trash->pace_files)
		return true;
	if (trash->pace_until < now)
		trash->pace_until = now;
	for (; trash->pace_until > now; now = sr_sys_monotonic()) {
		int64_t left = trash->pace_until - now;

		if (is_stopped(trash, now))
			return false;
		sr_sys_sleep(left < ASK_EVERY ? left : ASK_EVERY);
	}
	trash->pace_until += pause < PAUSE_MAX ? (int64_t)pause : (int64_t)PAUSE_MAX;
	return true;
}

static int compare_inodes(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Add an inode to the figures. An inode that keeps other names counts as linked, once. If the victim has its last
 * name too, it counts as freed instead. */
static void account(struct job *job, const struct sr_identity *identity)
{
	struct sr_removed *removed = job->removed;
	uint64_t bytes = identity->blocks * 512, *inode, **seen;

	if (S_ISDIR(identity->mode) || identity->nlink == 1) {
		removed->bytes_freed += bytes;
		seen = tfind(&identity->ino, &job->linked, compare_inodes);
		if (!seen)
			return;
		inode = *seen;
		removed->bytes_linked -= bytes;
		tdelete(inode, &job->linked, compare_inodes);
		free(inode);
		return;
	}
	inode = sr_sys_malloc(sizeof(*inode));
	if (!inode)
		return; /* a figure is not worth a failed deletion */
	*inode = identity->ino;
	seen = tsearch(inode, &job->linked, compare_inodes);
	if (!seen || *seen != inode)
		free(inode);
	else
		removed->bytes_linked += bytes;
}

/* ---------------------------------------------------------------- where it is */

/* Does name in dir have the inode number ino? */
static bool is_named(int dir, const char *name, uint64_t ino)
{
	struct sr_identity identity;

	return sr_sys_identify(dir, name, &identity) == 0 && identity.ino == ino;
}

/* Is the directory in which the victim lies still below base? */
static bool is_home(const struct job *job)
{
	struct sr_identity identity;
	int fd = sr_sys_open_beneath(job->trash->base_fd, job->place->path, O_PATH | O_DIRECTORY);
	bool is_same =
		fd != -1 && sr_sys_identify(fd, "", &identity) == 0 && is_named(job->place->dir, "", identity.ino);

	if (fd != -1)
		sr_sys_close(fd);
	return is_same;
}

static bool is_below_victim(const struct level *level)
{
	for (; level->up; level = level->up)
		if (!is_named(level->fd, "..", level->up->ino))
			return false;
	return true;
}

static int lost(struct job *job)
{
	job->stop = true;
	return blame(job, ESTALE,
		     "it was moved away while it was being deleted; what is left of it is no longer touched");
}

/* Returns 0, or ESTALE if another process has moved the directory, or one above it, away. */
static int look_around(struct job *job, const struct level *level)
{
	if (is_below_victim(level) && is_named(job->place->dir, job->place->name, job->ino) && is_home(job))
		return 0;
	return lost(job);
}

/* ---------------------------------------------------------------- removing */

/*
 * Blame a failure at name in level. A process that is confined to base, as by Landlock, may not touch what was moved
 * out of base. Then the move is the cause, and no right is missing.
 */
static int blame_at(struct job *job, const struct level *level, int error, const char *what, const char *name)
{
	if (level && (error == EACCES || error == EPERM) && look_around(job, level))
		return ESTALE;
	return blame(job, error, "cannot %s \"%s\"", what, name);
}

/* Unlink name, whose identity was just read, and account for it. level: the directory that name is in; NULL if name
 * is the victim's own. */
static int unlink_counted(struct job *job, const struct level *level, const char *name,
			  const struct sr_identity *identity)
{
	bool is_directory = S_ISDIR(identity->mode);
	int dir = level ? level->fd : job->place->dir;

	if (level && ++job->unlinked % LOOK_EVERY == 0) {
		int error = look_around(job, level);

		if (error)
			return error;
	}
	if (!keep_pace(job->trash, is_directory || identity->nlink == 1 ? identity->blocks * 512 : 0)) {
		job->stop = true;
		return ECANCELED;
	}
	SR_STOP("removal.unlinking");
	if (sr_sys_unlinkat(dir, name, is_directory ? AT_REMOVEDIR : 0) == -1)
		return errno == ENOENT ? 0 : blame_at(job, level, errno, "remove", name);
	account(job, identity);
	return 0;
}

static int remove_contents(struct job *job, struct level *level);

/* Move a directory that is too deep up to the victim's top, where the next pass meets it. Returns 0, or an errno. */
static int move_up(struct job *job, int dir, const char *name)
{
	char lifted[48];

	do {
		snprintf(lifted, sizeof(lifted), ".segreg-lifted-%" PRIu32, job->trash->lifted++);
		if (sr_sys_rename_noreplace(dir, name, job->top, lifted) == 0) {
			job->moved_up = true;
			return 0;
		}
	} while (errno == EEXIST);
	return errno;
}

/* Returns EBUSY if the directory has a registry in it or is the base of one, another errno if that cannot be seen,
 * otherwise 0. */
static int check_foreign(struct job *job, int fd, const char *name)
{
	int answer = sr_foreign_is_there(fd);

	if (answer == -1)
		return blame(job, errno, "cannot see whether \"%s\" is a registry", name);
	return answer ? blame(job, EBUSY,
			      "\"%s\" has a registry in it, or is the base of one: others may pin what is there", name)
		      : 0;
}

/* Does the directory contain a registry or the base of one, or can that not be seen? Then it stays where it is. */
static bool may_have_foreign(int dir, const char *name)
{
	struct sr_removed ignored = { .where = "" };

	return sr_removal_look(dir, name, &ignored) != 0;
}

static int remove_directory(struct job *job, const struct level *above, const char *name,
			    const struct sr_identity *identity)
{
	struct level level = { .up = above, .ino = identity->ino, .depth = above->depth + 1 };
	int error;

	if (above->depth >= DEPTH_MAX) {
		error = may_have_foreign(above->fd, name) ? EBUSY : move_up(job, above->fd, name);
		if ((error != EXDEV && error != EBUSY) || above->depth >= DEPTH_LAST)
			return error ? blame(job, error, "cannot move deep directory \"%s\"", name) : 0;
	}
	level.fd = sr_sys_open_beneath(above->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (level.fd == -1)
		return errno == ENOENT ? 0 : blame_at(job, above, errno, "open directory", name);
	if (!is_named(level.fd, "", identity->ino) || !is_below_victim(&level)) {
		sr_sys_close(level.fd);
		return lost(job);
	}
	error = check_foreign(job, level.fd, name);
	if (error) {
		sr_sys_close(level.fd);
		return error;
	}
	error = remove_contents(job, &level);
	return error ? error : unlink_counted(job, above, name, identity);
}

/* A btrfs subvolume is a device of its own, and its top directory has this inode number. */
#define BTRFS_SUBVOLUME 256u

static int remove_entry(struct job *job, const struct level *level, const char *name)
{
	struct sr_identity identity;

	if (sr_sys_identify(level->fd, name, &identity) == -1)
		return errno == ENOENT ? 0 : blame(job, errno, "cannot look at \"%s\"", name);
	if (identity.dev != job->trash->dev)
		return blame(job, EXDEV,
			     identity.ino == BTRFS_SUBVOLUME && !identity.is_mount
				     ? "\"%s\" is a btrfs subvolume; delete it (btrfs subvolume delete)"
				     : "something is mounted on \"%s\"; unmount it",
			     name);
	if (S_ISDIR(identity.mode))
		return remove_directory(job, level, name, &identity);
	return unlink_counted(job, level, name, &identity);
}

/* Empty an open directory as far as possible, and close it. Returns the first error. */
static int remove_contents(struct job *job, struct level *level)
{
	DIR *stream = level->fd == -1 ? NULL : fdopendir(level->fd);
	struct dirent *entry;
	int first = 0;

	if (!stream) {
		first = blame(job, errno, "cannot read a directory");
		if (level->fd != -1)
			sr_sys_close(level->fd);
		return first;
	}
	while (!job->stop && (errno = 0, entry = readdir(stream))) {
		int error = strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")
				    ? remove_entry(job, level, entry->d_name)
				    : 0;

		first = first ? first : error;
	}
	if (!first && errno)
		first = blame(job, errno, "cannot read a directory");
	closedir(stream);
	return first;
}

/* ---------------------------------------------------------------- looking before */

/* Returns EBUSY if the directory, or one in it, is a registry or a base. A directory that cannot be read is left to
 * the removal. */
static int look_into(struct job *job, int dir, const char *name, unsigned depth, unsigned *left)
{
	int error, fd = sr_sys_open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *stream = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!stream) {
		if (fd != -1)
			sr_sys_close(fd);
		return 0;
	}
	error = check_foreign(job, fd, name);
	while (!error && *left && (entry = readdir(stream))) {
		bool may_be_directory = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;

		if (!may_be_directory || depth >= DEPTH_MAX || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		--*left;
		error = look_into(job, fd, entry->d_name, depth + 1, left);
	}
	closedir(stream);
	return error;
}

int sr_removal_look(int dir, const char *name, struct sr_removed *removed)
{
	struct job job = { .removed = removed };
	unsigned left = LOOK_MAX;

	return look_into(&job, dir, name, 1, &left);
}

/* ---------------------------------------------------------------- the whole */

static int remove_tree(struct job *job, const struct sr_identity *identity)
{
	int error;

	job->top = sr_sys_open_beneath(job->place->dir, job->place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (job->top == -1)
		return blame(job, errno, "cannot open it");
	if (!is_named(job->top, "", identity->ino))
		error = lost(job);
	else
		error = check_foreign(job, job->top, job->place->name);
	/* Each pass meets everything that is left, so the last pass knows what could not be removed. */
	if (!error)
		do {
			struct level level = { .fd = sr_sys_openat(job->top, ".", O_RDONLY | O_DIRECTORY, 0),
					       .ino = identity->ino,
					       .depth = 1 };

			job->moved_up = false;
			job->left = 0;
			*job->removed->where = '\0';
			error = remove_contents(job, &level);
		} while (job->moved_up && !job->stop);
	sr_sys_close(job->top);
	return error;
}

int sr_removal_run(struct sr_trash *trash, const struct sr_place *place, const struct sr_identity *identity,
		   struct sr_removed *removed)
{
	struct job job = { .trash = trash, .removed = removed, .place = place, .ino = identity->ino };
	size_t length;
	int error = S_ISDIR(identity->mode) ? remove_tree(&job, identity) : 0;

	if (!error)
		error = unlink_counted(&job, NULL, place->name, identity);
	length = strlen(removed->where);
	if (job.left > 1)
		snprintf(removed->where + length, sizeof(removed->where) - length, " (and %u more)", job.left - 1);
	tdestroy(job.linked, free);
	return error;
}
