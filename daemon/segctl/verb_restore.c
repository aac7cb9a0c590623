/*
 * verb_restore.c - segctl restore: the segments of a backup, each at its path below base, and registered.
 *
 * First restore reports every obstacle, and changes nothing. Then it copies each segment aside, and moves the whole
 * copy to its path. When all copies are durable, one edit registers them. A restoration that was cut short leaves
 * files that are not registered: --keep takes those that are at their paths as they are.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segreg.h"
#include "common/number.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/load.h"
#include "segctl/progress.h"
#include "segctl/tree.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_restore = {
	.name = "restore",
	.operands = "DEST",
	.help = "Copy the segments of a backup to their paths, and register them",
	.min = 1,
	.max = 1,
	.options =
		(const struct ctl_option[]){
			{ 'k', "keep", NULL, "take what is at a segment's path already as that segment" },
			{ 'n', "dry-run", NULL, "say what would be done, change nothing" },
			{ 0 },
		},
	.exec = exec,
};

#define ASIDE ".segreg-restore" /* in base */

struct restore {
	struct ctl *ctl;
	const char *source, *base;
	uint64_t version;
	size_t copied;
};

/*
 * path becomes the copy of the item: ID.BORN with the greatest BORN that is not above the version (verb_backup.c).
 * False: the backup has none.
 */
static bool find_copy(const struct restore *r, const struct ctl_load_item *item, char path[CTL_TREE_PATH])
{
	char name[64];
	uint64_t best = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, CTL_TREE_PATH, "%s/segments", r->source);
	dir = opendir(path);
	snprintf(name, sizeof name, "%" PRIu64 ".", item->id);
	while (dir && (entry = readdir(dir))) {
		uint64_t born;

		if (!strncmp(entry->d_name, name, strlen(name)) &&
		    tool_parse_number(entry->d_name + strlen(name), r->version, &born) && born > best)
			best = born;
	}
	if (dir)
		closedir(dir);
	snprintf(path, CTL_TREE_PATH, "%s/segments/%" PRIu64 ".%" PRIu64, r->source, item->id, best);
	return best;
}

static const char *in_base(const struct restore *r, char path[CTL_TREE_PATH], const char *name)
{
	snprintf(path, CTL_TREE_PATH, "%s/%s", r->base, name);
	return path;
}

static bool is_there(const struct restore *r, const struct ctl_load_item *item)
{
	char path[CTL_TREE_PATH];
	struct stat st;

	return lstat(in_base(r, path, item->path), &st) == 0;
}

/*
 * The copy is of the type in its line. A link, say, would otherwise be refused only after it was moved to base.
 */
static bool is_of_type(const struct ctl_load_item *item, const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && (item->is_directory ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode));
}

/* Let the library check the path, as it does at the registration: a damaged list may lead out of base. */
static int check_item(const struct restore *r, const struct ctl_load_item *item, struct segreg_edit *probe)
{
	bool there = is_there(r, item);
	char path[CTL_TREE_PATH];
	int code;

	if (there && !r->ctl->option['k'])
		return ctl_error(r->ctl, EX_CANTCREAT,
				 "segment %" PRIu64
				 ": there is something at %s already; --keep takes it as the segment",
				 item->id, in_base(r, path, item->path));
	code = segreg_edit_add(probe, item->id, item->path);
	if (code && (there || code != SEGREG_E_NOENT))
		return ctl_fail(r->ctl, code);
	if (there)
		return EX_OK;
	if (!find_copy(r, item, path))
		return ctl_error(r->ctl, EX_DATAERR, "segment %" PRIu64 " %s is listed in %s/live.txt and not there",
				 item->id, item->path, r->source);
	return is_of_type(item, path) ? EX_OK
				      : ctl_error(r->ctl, EX_DATAERR, "segment %" PRIu64 " %s: %s is no %s", item->id,
						  item->path, path, item->is_directory ? "directory" : "file");
}

/* Report every obstacle. */
static int check(const struct restore *r, const struct ctl_load_item *items, size_t n)
{
	struct segreg_edit *probe;
	int code = segreg_edit_begin(r->ctl->reg, &probe), status = EX_OK;

	if (code)
		return ctl_fail(r->ctl, code);
	for (size_t i = 0; i < n; i++) {
		int wrong = items[i].is_settled ? EX_OK : check_item(r, &items[i], probe);

		if (wrong)
			status = wrong;
	}
	segreg_edit_abort(probe);
	return status;
}

/* Make the directories above path. None of them may be a symbolic link. */
static int make_parents(const struct restore *r, char *path)
{
	for (char *slash = path + strlen(r->base) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		struct stat st;

		*slash = '\0';
		if (mkdir(path, 0777) == -1 && errno != EEXIST)
			return ctl_error(r->ctl, EX_CANTCREAT, "cannot make %s: %s", path, strerror(errno));
		if (lstat(path, &st) == -1 || !S_ISDIR(st.st_mode))
			return ctl_error(r->ctl, EX_CANTCREAT, "%s is no directory; move it away", path);
	}
	return EX_OK;
}

static int copy_item(const struct restore *r, const struct ctl_load_item *item)
{
	char from[CTL_TREE_PATH], aside[CTL_TREE_PATH], to[CTL_TREE_PATH];
	int status;

	if (!find_copy(r, item, from))
		return ctl_error(r->ctl, EX_DATAERR, "%s is gone", from);
	status = ctl_tree_copy(r->ctl, from, in_base(r, aside, ASIDE "/segment"));
	in_base(r, to, item->path);
	if (!status)
		status = make_parents(r, to);
	if (!status && renameat2(AT_FDCWD, aside, AT_FDCWD, to, RENAME_NOREPLACE) == -1)
		status = ctl_error(r->ctl, EX_CANTCREAT, "cannot move segment %" PRIu64 " to %s: %s", item->id, to,
				   strerror(errno));
	return status;
}

static int copy_items(struct restore *r, const struct ctl_load_item *items, size_t n)
{
	char aside[CTL_TREE_PATH];
	int status = ctl_tree_remove(r->ctl, in_base(r, aside, ASIDE)), cleared;

	if (!status && mkdir(aside, 0700) == -1)
		status = ctl_error(r->ctl, EX_CANTCREAT, "cannot make %s: %s", aside, strerror(errno));
	for (size_t i = 0; i < n && !status; i++) {
		ctl_progress_show("%zu of %zu segments", i, n);
		if (items[i].is_settled || is_there(r, &items[i]))
			continue;
		status = copy_item(r, &items[i]);
		r->copied++;
	}
	ctl_progress_end();
	cleared = ctl_tree_remove(r->ctl, aside);
	if (!status)
		status = cleared;
	return status ? status : ctl_tree_sync(r->ctl, r->base);
}

static int place(void *arg, const struct ctl_load_item *items, size_t n, uint64_t version)
{
	struct restore *r = arg;
	int status;

	r->version = version;
	status = check(r, items, n);
	return status || r->ctl->option['n'] ? status : copy_items(r, items, n);
}

/* Two restorations at once would move each other's copies from aside. */
static int lock_base(const struct restore *r, int *lock)
{
	*lock = open(r->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*lock != -1 && flock(*lock, LOCK_EX | LOCK_NB) == 0)
		return EX_OK;
	return *lock != -1 && errno == EWOULDBLOCK
		       ? ctl_error(r->ctl, EX_TEMPFAIL,
				   "another restoration into %s is running; try again when that has ended", r->base)
		       : ctl_error(r->ctl, EX_OSERR, "cannot lock %s: %s", r->base, strerror(errno));
}

static int exec(struct ctl *ctl)
{
	struct restore r = { .ctl = ctl, .source = ctl->operand[0], .base = segreg_base_path(ctl->reg) };
	char list[CTL_TREE_PATH];
	int lock = -1, status;

	snprintf(list, sizeof list, "%s/live.txt", r.source);
	status = ctl->option['n'] ? EX_OK : lock_base(&r, &lock);
	if (!status)
		status = ctl_load_text(ctl, list, place, &r);
	if (lock != -1)
		close(lock);
	return status;
}
