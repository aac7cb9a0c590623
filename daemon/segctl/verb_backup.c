/*
 * verb_backup.c - segctl backup: a directory becomes a copy of the live segments of one version.
 *
 *      DEST/segreg-backup        the registry that this is a backup of; locked by the backup that writes
 *      DEST/live.txt             a dump of the segments in it, which load reads as well
 *      DEST/segments/ID.BORN     the segments
 *
 * A snapshot holds all segments while they are copied. A segment is immutable, and ID.BORN names it for good, so a
 * copy that exists need not be made again. A copy gets its name when it is whole. When all copies are durable, the new
 * live.txt replaces the old one. Then the copies that live.txt does not list are removed. So a backup that is cut
 * short leaves the one before, and the next backup completes it.
 *
 * If an id was used again, both segments are there for a moment. live.txt means the younger of those that are not
 * younger than its version.
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
#include "common/format.h"
#include "common/measure.h"
#include "common/text.h"
#include "segctl/ctl.h"
#include "segctl/dump.h"
#include "segctl/error.h"
#include "segctl/progress.h"
#include "segctl/tree.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_backup = {
	.name = "backup",
	.operands = "DEST",
	.help = "Make a directory a copy of what is live",
	.min = 1,
	.max = 1,
	.options =
		(const struct ctl_option[]){
			{ 'n', "dry-run", NULL, "say what would be copied and removed, change nothing" },
			{ 0 },
		},
	.exec = exec,
};

#define OWNER "segreg-backup"
#define MARKER ".segreg" /* in base: names its registry */
#define PARTIAL ".part"

struct backup {
	struct ctl *ctl;
	const char *path; /* DEST */
	struct ctl_dump list;
	size_t copied, removed;
	uint64_t bytes;
	bool is_dry;
};

static const char *in_dest(const struct backup *b, char path[CTL_TREE_PATH], const char *name)
{
	snprintf(path, CTL_TREE_PATH, "%s/%s", b->path, name);
	return path;
}

/* ------------------------------------------------------------------ whose backup it is */

/* Read the uuid of the registry from the marker of base: "segreg base FORMAT", "uuid ...". */
static int read_uuid(const struct backup *b, char uuid[37])
{
	char path[CTL_TREE_PATH];
	FILE *file;
	int n;

	snprintf(path, sizeof path, "%s/%s", segreg_base_path(b->ctl->reg), MARKER);
	file = fopen(path, "re");
	if (!file)
		return ctl_error(b->ctl, EX_NOINPUT, "cannot open %s: %s", path, strerror(errno));
	n = fscanf(file, "segreg base %*u uuid %36s", uuid);
	fclose(file);
	return n == 1 ? EX_OK
		      : ctl_error(b->ctl, EX_DATAERR,
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

static int lock_owner(const struct backup *b, int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0
		       ? EX_OK
		       : ctl_error(b->ctl, EX_TEMPFAIL,
				   "another backup to %s is running; try again when that has ended", b->path);
}

/* If another claim was faster, check_owner finds whose it is. */
static int claim(const struct backup *b, const char *uuid)
{
	char path[CTL_TREE_PATH], text[64];
	int length = snprintf(text, sizeof text, "segreg backup 1\nregistry %s\n", uuid);
	int fd = open(in_dest(b, path, OWNER), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	int status = fd == -1 ? EX_OK : lock_owner(b, fd);
	struct stat st;

	if (!status && (fd == -1 || fstat(fd, &st) == -1 ||
			(!st.st_size && (write(fd, text, (size_t)length) != length || fsync(fd) == -1))))
		status = ctl_error(b->ctl, EX_CANTCREAT, "cannot write %s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return status;
}

/* *lock becomes a descriptor that locks the backup. */
static int check_owner(const struct backup *b, const char *uuid, int *lock)
{
	char path[CTL_TREE_PATH], text[64] = "", owner[37];
	int status;

	*lock = open(in_dest(b, path, OWNER), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*lock == -1 && errno == ENOENT)
		return ctl_error(b->ctl, EX_CANTCREAT,
				 "%s is neither empty nor a backup; give a directory that is new or empty", b->path);
	if (*lock == -1 || read(*lock, text, sizeof text - 1) == -1)
		return ctl_error(b->ctl, EX_NOINPUT, "cannot read %s: %s", path, strerror(errno));
	status = lock_owner(b, *lock);
	if (status)
		return status;
	if (sscanf(text, "segreg backup 1 registry %36s", owner) != 1)
		return ctl_error(b->ctl, EX_DATAERR, "%s does not say whose backup this is; give another directory",
				 path);
	return strcmp(owner, uuid)
		       ? ctl_error(b->ctl, EX_CANTCREAT,
				   "%s is a backup of another registry (%s); give a directory of this registry's own",
				   b->path, owner)
		       : EX_OK;
}

static int make_dir(const struct backup *b, const char *path)
{
	return mkdir(path, 0777) == 0 || errno == EEXIST
		       ? EX_OK
		       : ctl_error(b->ctl, EX_CANTCREAT, "cannot make %s: %s", path, strerror(errno));
}

/* Below base, a backup would copy itself, or a sweep would delete it. */
static int check_outside(const struct backup *b)
{
	char *base = realpath(segreg_base_path(b->ctl->reg), NULL), *dest = realpath(b->path, NULL),
	     *copy = strdup(b->path);
	size_t length = base ? strlen(base) : 0;
	bool is_below;

	if (!dest && copy) /* the directory does not exist yet */
		dest = realpath(dirname(copy), NULL);
	is_below = base && dest && !strncmp(dest, base, length) && (!dest[length] || dest[length] == '/');
	free(base);
	free(dest);
	free(copy);
	return is_below ? ctl_error(b->ctl, EX_CANTCREAT, "%s lies below the base directory; take another place",
				    b->path)
			: EX_OK;
}

/* Make DEST if it is missing, and check that it is a backup of this registry. */
static int prepare(struct backup *b, int *lock)
{
	char path[CTL_TREE_PATH], uuid[37];
	int status = check_outside(b);

	if (!status)
		status = read_uuid(b, uuid);
	if (!status && b->is_dry && (access(b->path, F_OK) == -1 || is_unclaimed(b->path)))
		return EX_OK;
	if (!status)
		status = make_dir(b, b->path);
	if (!status && is_unclaimed(b->path))
		status = claim(b, uuid);
	if (!status)
		status = check_owner(b, uuid, lock);
	return status || b->is_dry ? status : make_dir(b, in_dest(b, path, "segments"));
}

/* ------------------------------------------------------------------ copying */

static int copy_segment(struct backup *b, const struct segreg_entry *entry)
{
	struct segreg_info info = {
		.id = entry->id, .state = SEGREG_LIVE, .path = entry->path, .is_directory = entry->is_directory
	};
	char from[CTL_TREE_PATH], to[CTL_TREE_PATH], part[CTL_TREE_PATH + sizeof PARTIAL];
	uint64_t bytes = 0;
	struct stat st;
	int status;

	snprintf(to, sizeof to, "%s/segments/%" PRIu64 ".%" PRIu64, b->path, entry->id, entry->born);
	if (lstat(to, &st) == 0)
		return EX_OK;
	tool_measure_segment(segreg_base_path(b->ctl->reg), &info, &bytes);
	b->copied++;
	b->bytes += bytes;
	if (b->is_dry) {
		tool_text_say(stdout, "", "would copy %" PRIu64 " %s", entry->id, entry->path);
		return EX_OK;
	}
	snprintf(from, sizeof from, "%s/%s", segreg_base_path(b->ctl->reg), entry->path);
	snprintf(part, sizeof part, "%s%s", to, PARTIAL);
	status = ctl_tree_remove(b->ctl, part);
	if (!status)
		status = ctl_tree_copy(b->ctl, from, part);
	if (!status && rename(part, to) == -1)
		status = ctl_error(b->ctl, EX_IOERR, "cannot rename %s: %s", part, strerror(errno));
	return status;
}

static int copy_all(struct backup *b)
{
	int status = EX_OK;

	for (size_t i = 0; i < b->list.n && !status; i++) {
		char size[TOOL_SPAN_SIZE];

		ctl_progress_show("%zu of %zu segments, %s copied", i, b->list.n, tool_format_bytes(b->bytes, size));
		status = copy_segment(b, &b->list.items[i]);
	}
	ctl_progress_end();
	return status;
}

/* Copy all segments while one snapshot holds them. */
static int copy_snapshot(struct backup *b)
{
	struct segreg *reg = b->ctl->reg;
	struct segreg_snapshot snapshot;
	int status, code = segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot);

	if (code)
		return ctl_fail(b->ctl, code);
	code = ctl_dump_collect(reg, &snapshot, &b->list);
	status = code ? ctl_fail(b->ctl, code) : copy_all(b);
	code = segreg_snapshot_release(reg, &snapshot); /* fails if the snapshot was evicted meanwhile */
	return status || !code ? status : ctl_fail(b->ctl, code);
}

/* ------------------------------------------------------------------ what is in it */

static int write_list(const struct backup *b)
{
	char path[CTL_TREE_PATH], aside[CTL_TREE_PATH];
	FILE *file = fopen(in_dest(b, aside, "live.txt" PARTIAL), "we");
	bool written = file != NULL;

	if (written) {
		ctl_dump_print(file, &b->list);
		written = !(fflush(file) | ferror(file)) && fsync(fileno(file)) == 0;
	}
	if (file)
		fclose(file);
	if (!written || rename(aside, in_dest(b, path, "live.txt")) == -1)
		return ctl_error(b->ctl, EX_IOERR, "cannot write %s: %s", aside, strerror(errno));
	return ctl_tree_sync(b->ctl, b->path);
}

/* "ID.BORN", perhaps with PARTIAL behind. */
static bool is_ours(const char *name)
{
	size_t id = strspn(name, "0123456789"), born = name[id] == '.' ? strspn(name + id + 1, "0123456789") : 0;

	return id && born && (!name[id + 1 + born] || !strcmp(name + id + 1 + born, PARTIAL));
}

static bool is_listed(const struct backup *b, const char *name)
{
	size_t low = 0, high = b->list.n;
	uint64_t id = strtoull(name, NULL, 10);
	char expected[64];

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (b->list.items[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == b->list.n)
		return false;
	snprintf(expected, sizeof expected, "%" PRIu64 ".%" PRIu64, b->list.items[low].id, b->list.items[low].born);
	return !strcmp(name, expected);
}

static bool is_partial(const char *name)
{
	return strchr(name, '.') && strchr(strchr(name, '.') + 1, '.');
}

/*
 * Remove what is not listed. With only_partial, remove what an interrupted backup left: its space may be needed for
 * the copies.
 */
static int prune(struct backup *b, bool only_partial)
{
	char path[CTL_TREE_PATH];
	DIR *dir = opendir(in_dest(b, path, "segments"));
	struct dirent *entry;
	int status = EX_OK;

	if (!dir && b->is_dry && errno == ENOENT)
		return EX_OK;
	if (!dir)
		return ctl_error(b->ctl, EX_IOERR, "cannot read %s: %s", path, strerror(errno));
	while (!status && (entry = readdir(dir))) {
		if (!is_ours(entry->d_name) ||
		    (only_partial ? !is_partial(entry->d_name) : is_listed(b, entry->d_name)))
			continue;
		b->removed += !only_partial;
		snprintf(path, sizeof path, "%s/segments/%s", b->path, entry->d_name);
		if (b->is_dry)
			tool_text_say(stdout, "", "would remove %s", path);
		else
			status = ctl_tree_remove(b->ctl, path);
	}
	closedir(dir);
	return status;
}

static void report(const struct backup *b)
{
	const char *would = b->is_dry ? " would be" : "";
	char size[TOOL_SPAN_SIZE];

	printf("%zu %s%s copied (%s), %zu there already, %zu%s removed; version %" PRIu64 "\n", b->copied,
	       b->copied == 1 ? "segment" : "segments", would, tool_format_bytes(b->bytes, size), b->list.n - b->copied,
	       b->removed, would, b->list.version);
}

static int exec(struct ctl *ctl)
{
	struct backup b = { .ctl = ctl, .path = ctl->operand[0], .is_dry = ctl->option['n'] };
	int lock = -1, status = prepare(&b, &lock);

	if (!status && !b.is_dry)
		status = prune(&b, true);
	if (!status)
		status = copy_snapshot(&b);
	if (!status && !b.is_dry)
		status = ctl_tree_sync(ctl, b.path);
	if (!status && !b.is_dry)
		status = write_list(&b);
	if (!status)
		status = prune(&b, false);
	if (!status)
		report(&b);
	free(b.list.items);
	if (lock != -1)
		close(lock);
	return status;
}
