/*
 * backup_owner.c - a directory that is a backup, whose backup it is, and which backup has it now.
 *
 * Its file segreg-backup names the registry. A backup locks that file while it writes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segreg.h"
#include "segctl/backup_owner.h"
#include "segctl/error.h"
#include "segctl/tree.h"

#define OWNER "segreg-backup"
#define MARKER ".segreg" /* in base: names its registry */

/* Read the uuid of the registry from the marker of base: "segreg base FORMAT", "uuid ...". */
static int read_uuid(const struct ctl *ctl, char uuid[37])
{
	char path[CTL_TREE_PATH];
	FILE *file;
	int n;

	snprintf(path, sizeof path, "%s/%s", segreg_base_path(ctl->reg), MARKER);
	file = fopen(path, "re");
	if (!file)
		return ctl_error(ctl, EX_NOINPUT, "cannot open %s: %s", path, strerror(errno));
	n = fscanf(file, "segreg base %*u uuid %36s", uuid);
	fclose(file);
	return n == 1 ? EX_OK
		      : ctl_error(ctl, EX_DATAERR,
				  "%s does not say whose base this is; segctl init --adopt writes it anew", path);
}

/* The directory is empty, or has what a claim left that failed or was killed. */
static bool is_unclaimed(const char *path)
{
	DIR *dir = opendir(path);
	bool unclaimed = dir != NULL;
	struct dirent *entry;
	struct stat st;

	while (unclaimed && (entry = readdir(dir)))
		unclaimed =
			!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
			(!strcmp(entry->d_name, OWNER) && fstatat(dirfd(dir), OWNER, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			 S_ISREG(st.st_mode) && st.st_size == 0);
	if (dir)
		closedir(dir);
	return unclaimed;
}

static int lock_owner(const struct ctl *ctl, const char *path, int fd, int how)
{
	return flock(fd, how | LOCK_NB) == 0
		       ? EX_OK
		       : ctl_error(ctl, EX_TEMPFAIL, "another backup %s %s is running; try again when that has ended",
				   how == LOCK_EX ? "to" : "that writes", path);
}

/* If another claim was faster, check_owner finds whose it is. */
static int claim(const struct ctl *ctl, const char *path, const char *uuid)
{
	char file[CTL_TREE_PATH], text[64];
	int length = snprintf(text, sizeof text, "segreg backup 1\nregistry %s\n", uuid), fd, status;
	struct stat st;

	snprintf(file, sizeof file, "%s/%s", path, OWNER);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	status = fd == -1 ? EX_OK : lock_owner(ctl, path, fd, LOCK_EX);
	if (!status && (fd == -1 || fstat(fd, &st) == -1 ||
			(!st.st_size && (write(fd, text, (size_t)length) != length || fsync(fd) == -1))))
		status = ctl_error(ctl, EX_CANTCREAT, "cannot write %s: %s", file, strerror(errno));
	if (fd != -1)
		close(fd);
	return status;
}

/* *lock becomes a descriptor that locks the backup. */
static int check_owner(const struct ctl *ctl, const char *path, const char *uuid, int how, int *lock)
{
	char file[CTL_TREE_PATH], text[64] = "", owner[37];
	int status;

	snprintf(file, sizeof file, "%s/%s", path, OWNER);
	*lock = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*lock == -1 && errno == ENOENT)
		return how == LOCK_EX
			       ? ctl_error(ctl, EX_CANTCREAT,
					   "%s is neither empty nor a backup; give a directory that is new or empty",
					   path)
			       : ctl_error(ctl, EX_NOINPUT, "%s is no backup", path);
	if (*lock == -1 || read(*lock, text, sizeof text - 1) == -1)
		return ctl_error(ctl, EX_NOINPUT, "cannot read %s: %s", file, strerror(errno));
	status = lock_owner(ctl, path, *lock, how);
	if (status)
		return status;
	if (sscanf(text, "segreg backup 1 registry %36s", owner) != 1)
		return ctl_error(ctl, EX_DATAERR, "%s does not say whose backup this is; give another directory", file);
	return strcmp(owner, uuid)
		       ? ctl_error(ctl, EX_CANTCREAT,
				   "%s is a backup of another registry (%s); give a directory of this registry's own",
				   path, owner)
		       : EX_OK;
}

static int make_dir(const struct ctl *ctl, const char *path)
{
	return mkdir(path, 0777) == 0 || errno == EEXIST
		       ? EX_OK
		       : ctl_error(ctl, EX_CANTCREAT, "cannot make %s: %s", path, strerror(errno));
}

/* Below base, a backup would copy itself, or a sweep would delete it. */
static int check_outside(const struct ctl *ctl, const char *path)
{
	char *base = realpath(segreg_base_path(ctl->reg), NULL), *dest = realpath(path, NULL), *copy = strdup(path);
	size_t length = base ? strlen(base) : 0;
	bool is_below;

	if (!dest && copy) /* the directory does not exist yet */
		dest = realpath(dirname(copy), NULL);
	is_below = base && dest && !strncmp(dest, base, length) && (!dest[length] || dest[length] == '/');
	free(base);
	free(dest);
	free(copy);
	return is_below ? ctl_error(ctl, EX_CANTCREAT, "%s lies below the base directory; take another place", path)
			: EX_OK;
}

int ctl_backup_own(struct ctl *ctl, const char *path, bool is_dry, int *lock)
{
	char segments[CTL_TREE_PATH], uuid[37];
	int status = check_outside(ctl, path);

	if (!status)
		status = read_uuid(ctl, uuid);
	if (!status && is_dry && (access(path, F_OK) == -1 || is_unclaimed(path)))
		return EX_OK;
	if (!status)
		status = make_dir(ctl, path);
	if (!status && is_unclaimed(path))
		status = claim(ctl, path, uuid);
	if (!status)
		status = check_owner(ctl, path, uuid, LOCK_EX, lock);
	snprintf(segments, sizeof segments, "%s/segments", path);
	return status || is_dry ? status : make_dir(ctl, segments);
}

int ctl_backup_share(struct ctl *ctl, const char *path, int *lock)
{
	char uuid[37];
	int status = read_uuid(ctl, uuid);

	return status ? status : check_owner(ctl, path, uuid, LOCK_SH, lock);
}
