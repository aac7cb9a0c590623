/*
 * verb_restore.c - segctl restore: the segments of a backup, each at its path below base, and registered.
 *
 * First restore reports every obstacle, and changes nothing. Then it copies a batch of segments aside, makes the batch
 * durable by one sync, and moves each whole copy to its path. When all of them are durable, one edit registers them. A
 * restoration that was cut short leaves whole segments that are not registered. The next one compares them with the
 * backup, and goes on.
 *
 * With --replace, a copy also takes the place of what differs. A live segment that is missing or differs is forgotten
 * first, and registered anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "segreg.h"
#include "common/text.h"
#include "segctl/copies.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/inside.h"
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
			{ 'R', "replace", NULL, "replace what is missing or differs, also if live" },
			{ 0 },
		},
	.exec = exec,
};

#define ASIDE ".segreg-restore" /* in base */
#define BATCH_COPIES 20000      /* of one sync */
#define BATCH_BYTES (UINT64_C(1) << 30)

/* What restore does about a segment. */
enum need {
	NOTHING, /* it is live, or its files are right */
	COPY,    /* nothing is at its path */
	REPLACE, /* something else is there */
};

struct restore {
	struct ctl *ctl;
	const char *source;
	uint64_t version;
	struct ctl_copies copies;
	struct ctl_inside base;
	struct ctl_tree_place aside; /* in it lie copies, named by the index of their item */
	struct ctl_load_item *items;
	enum need *need; /* of each item */
	size_t n;
	uint64_t *damaged; /* ids of live segments that are missing, or whose place something else has taken */
	size_t n_damaged, damaged_room;
	struct ctl_tree tree;
	struct ctl_progress_work work;
};

static void show(void *arg)
{
	struct restore *r = arg;

	ctl_progress_show_work(&r->work, r->tree.bytes);
}

/* place becomes that of the copy of the item. False: the backup has none. */
static bool find_copy(const struct restore *r, const struct ctl_load_item *item, char name[CTL_COPIES_NAME],
		      struct ctl_tree_place *place)
{
	uint64_t born = ctl_copies_find(&r->copies, item->id, r->version);

	*place = (struct ctl_tree_place){ r->copies.fd, ctl_copies_name(item->id, born, "", name), r->copies.path };
	return born;
}

/* ------------------------------------------------------------------ obstacles */

static int add_damaged(void *arg, const struct segreg_finding *finding)
{
	struct restore *r = arg;

	if (finding->kind != SEGREG_FOUND_MISSING && finding->kind != SEGREG_FOUND_REPLACED)
		return 0;
	if (r->n_damaged == r->damaged_room) {
		size_t room = 2 * r->damaged_room + 64;
		void *more = reallocarray(r->damaged, room, sizeof *r->damaged);

		if (!more)
			return SEGREG_E_NOMEM;
		r->damaged = more;
		r->damaged_room = room;
	}
	r->damaged[r->n_damaged++] = finding->id;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool is_damaged(const struct restore *r, const struct ctl_load_item *item)
{
	return r->n_damaged && bsearch(&item->id, r->damaged, r->n_damaged, sizeof *r->damaged, by_id);
}

/* Whether something is at the path of the item. If nothing is, place may be none. */
static bool is_there(struct restore *r, const struct ctl_load_item *item, struct ctl_tree_place *place)
{
	struct stat st;

	return ctl_inside_find(&r->base, item->path, false, place) == 0 &&
	       fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * The copy is of the type in its line. A link, say, would otherwise be refused only after it was moved to base.
 */
static bool is_of_type(const struct ctl_load_item *item, const struct ctl_tree_place *copy)
{
	struct stat st;

	return fstatat(copy->dir, copy->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (item->is_directory ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode));
}

static int check_copy(const struct restore *r, const struct ctl_load_item *item, struct ctl_tree_place *copy,
		      char name[CTL_COPIES_NAME])
{
	if (!find_copy(r, item, name, copy))
		return ctl_error(r->ctl, EX_DATAERR, "segment %" PRIu64 " %s is listed in %s/live.txt and not there",
				 item->id, item->path, r->source);
	return is_of_type(item, copy)
		       ? EX_OK
		       : ctl_error(r->ctl, EX_DATAERR, "segment %" PRIu64 " %s: %s/%s is no %s", item->id, item->path,
				   copy->dir_path, name, item->is_directory ? "directory" : "file");
}

/* Something is at the path of the item: is it the segment? */
static int check_present(struct restore *r, size_t i, const struct ctl_tree_place *place,
			 const struct ctl_tree_place *copy)
{
	const struct ctl_load_item *item = &r->items[i];
	bool same = false;
	int status = ctl_tree_compare(r->ctl, copy, place, &same);

	if (status)
		return status;
	if (item->is_settled ? !is_damaged(r, item) && same : same)
		return EX_OK;
	if (!r->ctl->option['R'])
		return ctl_error(r->ctl, EX_CANTCREAT,
				 "segment %" PRIu64
				 ": there is something else at %s/%s already; --keep takes it as the segment, "
				 "--replace puts the copy in its place",
				 item->id, place->dir_path, place->name);
	r->need[i] = REPLACE;
	return EX_OK;
}

/* A live segment: only --replace looks at all of it. */
static int check_live(struct restore *r, size_t i)
{
	const struct ctl_load_item *item = &r->items[i];
	struct ctl_tree_place place, copy;
	char name[CTL_COPIES_NAME];
	bool there = is_there(r, item, &place);
	int status;

	if (r->ctl->option['R']) {
		status = check_copy(r, item, &copy, name);
		r->need[i] = there ? NOTHING : COPY;
		return status || !there ? status : check_present(r, i, &place, &copy);
	}
	return there ? EX_OK
		     : ctl_error(r->ctl, EX_CANTCREAT,
				 "segment %" PRIu64 " %s is live, and its files are missing; --replace restores them",
				 item->id, item->path);
}

/* The library refuses a path if a link, say, is there; --replace may put the copy in its place. */
static bool may_replace(const struct restore *r, const struct ctl_load_item *item, const struct ctl_tree_place *place)
{
	struct stat st;

	return r->ctl->option['R'] && strncmp(item->path, ".segreg", strlen(".segreg")) &&
	       fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
	       !S_ISREG(st.st_mode);
}

/* Let the library check the path, as it does at the registration: a damaged list may lead out of base. */
static int check_item(struct restore *r, size_t i, struct segreg_edit *probe)
{
	const struct ctl_load_item *item = &r->items[i];
	struct ctl_tree_place place, copy;
	char name[CTL_COPIES_NAME];
	bool there = is_there(r, item, &place);
	int status, code = segreg_edit_add(probe, item->id, item->path);

	if (code && code != SEGREG_E_NOENT && !(there && may_replace(r, item, &place)))
		return ctl_fail(r->ctl, code);
	if (there && r->ctl->option['k'])
		return EX_OK;
	status = check_copy(r, item, &copy, name);
	r->need[i] = there ? NOTHING : COPY;
	return status || !there ? status : check_present(r, i, &place, &copy);
}

/* Report every obstacle. */
static int check(struct restore *r)
{
	struct segreg_edit *probe;
	int code = r->ctl->option['R'] ? segreg_check(r->ctl->reg, 0, add_damaged, r) : 0, status = EX_OK;

	if (r->n_damaged)
		qsort(r->damaged, r->n_damaged, sizeof *r->damaged, by_id);
	if (!code)
		code = segreg_edit_begin(r->ctl->reg, &probe);
	if (code)
		return ctl_fail(r->ctl, code);
	for (size_t i = 0; i < r->n; i++) {
		int wrong = r->items[i].is_settled ? check_live(r, i) : check_item(r, i, probe);

		if (wrong)
			status = wrong;
		r->work.n += r->need[i] != NOTHING;
	}
	segreg_edit_abort(probe);
	return status;
}

/* ------------------------------------------------------------------ copying */

static const char *name_aside(size_t i, char name[CTL_COPIES_NAME])
{
	snprintf(name, CTL_COPIES_NAME, "%zu", i);
	return name;
}

static int copy_item(struct restore *r, size_t i)
{
	const struct ctl_load_item *item = &r->items[i];
	char name[CTL_COPIES_NAME], own[CTL_COPIES_NAME];
	struct ctl_tree_place from, to = { r->aside.dir, name_aside(i, own), r->aside.dir_path };

	if (!find_copy(r, item, name, &from))
		return ctl_error(r->ctl, EX_DATAERR, "%s/%s is gone", from.dir_path, name);
	return ctl_tree_copy(&r->tree, &from, &to, CTL_TREE_COPY);
}

/* A live segment that is damaged is no segment of the registry any more, until the edit registers it anew. */
static int forget(struct restore *r, struct ctl_load_item *item)
{
	int code = item->is_settled ? segreg_force_remove(r->ctl->reg, item->id, 0) : 0;

	if (code == SEGREG_E_BUSY)
		return ctl_error(r->ctl, EX_TEMPFAIL,
				 "segment %" PRIu64 " %s is held, so it cannot be replaced; see segctl holders",
				 item->id, item->path);
	if (code)
		return ctl_fail(r->ctl, code);
	item->is_settled = false;
	return EX_OK;
}

static int move_item(struct restore *r, size_t i)
{
	struct ctl_load_item *item = &r->items[i];
	struct ctl_tree_place to;
	char name[CTL_COPIES_NAME];
	int status = forget(r, item), error;
	unsigned how = r->need[i] == REPLACE ? RENAME_EXCHANGE : RENAME_NOREPLACE;

	if (status)
		return status;
	error = ctl_inside_find(&r->base, item->path, true, &to);
	if (error)
		return ctl_error(r->ctl, EX_CANTCREAT, "cannot make the directories above %s/%s: %s", r->base.base_path,
				 item->path, error == ELOOP ? "a link is in the way; move it away" : strerror(error));
	if (renameat2(r->aside.dir, name_aside(i, name), to.dir, to.name, how) == -1)
		return ctl_error(r->ctl, EX_CANTCREAT, "cannot move segment %" PRIu64 " to %s/%s: %s", item->id,
				 to.dir_path, to.name, strerror(errno));
	return EX_OK;
}

/* Make the copies of a batch durable, and move them to their paths. */
static int finish_batch(struct restore *r, size_t first, size_t end)
{
	int status = ctl_tree_sync(r->ctl, r->base.base, r->base.base_path);

	for (size_t i = first; i < end && !status; i++)
		if (r->need[i] != NOTHING)
			status = move_item(r, i);
	return status;
}

static int copy_all(struct restore *r)
{
	uint64_t synced = 0;
	size_t first = 0, in_batch = 0;
	int status = EX_OK;

	for (size_t i = 0; i < r->n && !status; i++) {
		if (r->need[i] == NOTHING)
			continue;
		show(r);
		status = copy_item(r, i);
		r->work.done++;
		if (status || (++in_batch < BATCH_COPIES && r->tree.bytes - synced < BATCH_BYTES))
			continue;
		status = finish_batch(r, first, i + 1);
		first = i + 1;
		in_batch = 0;
		synced = r->tree.bytes;
	}
	if (!status && in_batch)
		status = finish_batch(r, first, r->n);
	ctl_progress_end();
	ctl_tree_finish(&r->tree);
	return status;
}

/* Bytes for the progress, from the sizes of the copies. */
static void measure(struct restore *r)
{
	for (size_t i = 0; i < r->n && ctl_progress_is_shown(); i++) {
		struct ctl_tree_place copy;
		char name[CTL_COPIES_NAME];

		if (r->need[i] != NOTHING && find_copy(r, &r->items[i], name, &copy))
			r->work.total += ctl_tree_measure(&copy);
	}
	ctl_progress_begin_work(&r->work);
}

/* Copy through a directory in base. No entry of it inherits an ACL: each gets that of its segment, or none. */
static int copy_items(struct restore *r)
{
	struct ctl_tree_place aside = { r->base.base, ASIDE, r->base.base_path };
	char path[CTL_TREE_PATH];
	int status = ctl_tree_remove(r->ctl, &aside), cleared;

	snprintf(path, sizeof path, "%s/%s", r->base.base_path, ASIDE);
	if (!status &&
	    (mkdirat(r->base.base, ASIDE, 0700) == -1 ||
	     (r->aside.dir = openat(r->base.base, ASIDE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1))
		status = ctl_error(r->ctl, EX_CANTCREAT, "cannot make %s: %s", path, strerror(errno));
	r->aside.dir_path = path;
	measure(r);
	if (!status) {
		fremovexattr(r->aside.dir, "system.posix_acl_default");
		status = copy_all(r);
	}
	if (r->aside.dir != -1)
		close(r->aside.dir);
	cleared = ctl_tree_remove(r->ctl, &aside);
	if (!status)
		status = cleared;
	return status ? status : ctl_tree_sync(r->ctl, r->base.base, r->base.base_path);
}

/* For a dry run: the caller says what would be registered. */
static void say(const struct restore *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct ctl_load_item *item = &r->items[i];

		if (r->need[i] == REPLACE || (r->need[i] == COPY && item->is_settled))
			tool_text_say(stdout, "", "would replace %" PRIu64 " %s", item->id, item->path);
		item->is_settled = item->is_settled && r->need[i] == NOTHING;
	}
}

static int place(void *arg, struct ctl_load_item *items, size_t n, uint64_t version)
{
	struct restore *r = arg;
	int status, error = ctl_inside_begin(&r->base, segreg_base_path(r->ctl->reg));

	if (error)
		return ctl_error(r->ctl, EX_NOINPUT, "cannot open %s: %s", r->base.base_path, strerror(error));
	r->version = version;
	r->items = items;
	r->n = n;
	r->need = calloc(n + 1, sizeof *r->need);
	if (!r->need)
		return ctl_fail(r->ctl, SEGREG_E_NOMEM);
	status = check(r);
	if (!status && r->ctl->option['n'])
		say(r);
	return status || r->ctl->option['n'] ? status : copy_items(r);
}

/* Two restorations at once would move each other's copies from aside. */
static int lock_base(const struct ctl *ctl, int *lock)
{
	const char *base = segreg_base_path(ctl->reg);

	*lock = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*lock != -1 && flock(*lock, LOCK_EX | LOCK_NB) == 0)
		return EX_OK;
	return *lock != -1 && errno == EWOULDBLOCK
		       ? ctl_error(ctl, EX_TEMPFAIL,
				   "another restoration into %s is running; try again when that has ended", base)
		       : ctl_error(ctl, EX_OSERR, "cannot lock %s: %s", base, strerror(errno));
}

/* A backup that writes may remove a copy. A backup that was put together by hand has no such file. */
static int lock_source(const struct ctl *ctl, const char *source, int *lock)
{
	char path[CTL_TREE_PATH];

	snprintf(path, sizeof path, "%s/segreg-backup", source);
	*lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *lock != -1 && flock(*lock, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK
		       ? ctl_error(ctl, EX_TEMPFAIL, "a backup to %s is running; try again when that has ended", source)
		       : EX_OK;
}

static int exec(struct ctl *ctl)
{
	struct restore r = { .ctl = ctl, .source = ctl->operand[0], .copies.fd = -1, .base.base = -1 };
	char list[CTL_TREE_PATH];
	int lock = -1, source_lock = -1, status = EX_OK;

	r.base.parent = r.aside.dir = -1;
	r.tree = (struct ctl_tree){ .ctl = ctl, .tick = show, .arg = &r };
	if (ctl->option['k'] && ctl->option['R'])
		return ctl_usage(ctl, "--keep and --replace exclude one another");
	snprintf(list, sizeof list, "%s/live.txt", r.source);
	if (!ctl->option['n'])
		status = lock_base(ctl, &lock);
	if (!status)
		status = lock_source(ctl, r.source, &source_lock);
	if (!status)
		status = ctl_copies_open(ctl, &r.copies, r.source, true);
	if (!status)
		status = ctl_load_text(ctl, list, place, &r);
	if (lock != -1)
		close(lock);
	if (source_lock != -1)
		close(source_lock);
	ctl_copies_close(&r.copies);
	ctl_inside_end(&r.base);
	free(r.need);
	free(r.damaged);
	return status;
}
