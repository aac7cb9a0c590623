/*
 * verb_backup.c - segctl backup: a directory becomes a copy of the live segments of one version.
 *
 *      DEST/segreg-backup        the registry that this is a backup of; locked by the backup that writes
 *      DEST/live.txt             a dump of the segments in it, which load reads as well
 *      DEST/segments/ID.BORN     the segments
 *
 * A snapshot holds all segments while they are copied. A segment is immutable, and ID.BORN names it for good, so a
 * copy that exists need not be made again. A copy is made under another name. When a batch of copies is whole, one sync
 * makes it durable, and then its copies get their names. So neither a kill nor a power cut leaves half a copy under a
 * name that the next backup believes.
 *
 * When all names are durable, the new live.txt replaces the old one. Then the copies that live.txt does not list are
 * removed. So a backup that is cut short leaves the one before, and the next backup completes it.
 *
 * If an id was used again, both segments are there for a moment. live.txt means the younger of those that are not
 * younger than its version.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "segreg.h"
#include "common/format.h"
#include "common/text.h"
#include "segctl/backup_owner.h"
#include "segctl/copies.h"
#include "segctl/ctl.h"
#include "segctl/dump.h"
#include "segctl/error.h"
#include "segctl/inside.h"
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
			{ 'l', "link", "BACKUP", "take what that backup has from there, by hard links" },
			{ 'n', "dry-run", NULL, "say what would be copied and removed, change nothing" },
			{ 0 },
		},
	.exec = exec,
};

#define BATCH_COPIES 20000 /* of one sync: a kill costs at most this much work */
#define BATCH_BYTES (UINT64_C(1) << 30)
#define FAULTS_MAX 20 /* segments that cannot be read, after which a backup ends */

/* What a backup does about a segment. */
enum need { THERE, COPIED, LINKED, FAULTY };

struct backup {
	struct ctl *ctl;
	const char *path;                /* DEST */
	int fd;                          /* of DEST, from before the first copy on: so a sync of it has every error */
	struct ctl_dump list;            /* what is live */
	struct segreg_snapshot snapshot; /* holds it */
	enum need *need;                 /* of each segment of the list */
	struct ctl_copies copies;        /* what is there */
	struct ctl_copies other;         /* what the backup of --link has */
	struct ctl_inside base;
	struct ctl_tree tree;
	struct ctl_progress_work work;
	size_t count[FAULTY + 1]; /* segments of each need */
	size_t removed;
	int status; /* of the segments that could not be read */
	bool is_dry;
};

static const char *in_dest(const struct backup *b, char path[CTL_TREE_PATH], const char *name)
{
	snprintf(path, CTL_TREE_PATH, "%s/%s", b->path, name);
	return path;
}

static void show(void *arg)
{
	struct backup *b = arg;

	ctl_progress_show_work(&b->work, b->tree.bytes);
}

/* ------------------------------------------------------------------ another backup, to link to */

/* Hard links need one file system. */
static int check_other(const struct backup *b, const char *other)
{
	char parent[CTL_TREE_PATH];
	struct stat st, own;
	int rc;

	snprintf(parent, sizeof parent, "%s/..", b->path);
	rc = b->copies.fd != -1 ? fstat(b->copies.fd, &own) : stat(parent, &own);
	if (fstat(b->other.fd, &st) == -1 || (rc == -1 && !b->is_dry))
		return ctl_error(b->ctl, EX_NOINPUT, "cannot look at %s: %s", other, strerror(errno));
	if (rc == -1)
		return EX_OK;
	return st.st_dev == own.st_dev
		       ? EX_OK
		       : ctl_error(b->ctl, EX_CANTCREAT,
				   "%s and %s are on two file systems; hard links need one, so leave --link out", other,
				   b->path);
}

static bool is_own(const struct backup *b, const char *other)
{
	struct stat st, own;

	return stat(other, &st) == 0 && stat(b->path, &own) == 0 && st.st_dev == own.st_dev && st.st_ino == own.st_ino;
}

static int open_other(struct backup *b, int *lock)
{
	const char *other = b->ctl->option['l'];
	int status;

	if (!other)
		return EX_OK;
	if (is_own(b, other))
		return ctl_error(b->ctl, EX_USAGE, "%s is this backup; --link takes another one", other);
	status = ctl_backup_share(b->ctl, other, lock);
	if (!status)
		status = ctl_copies_open(b->ctl, &b->other, other, false);
	return status ? status : check_other(b, other);
}

/* ------------------------------------------------------------------ copying */

static int make_copy(struct backup *b, size_t i)
{
	const struct segreg_entry *entry = &b->list.items[i];
	char part[CTL_COPIES_NAME], name[CTL_COPIES_NAME];
	struct ctl_tree_place from,
		to = { b->copies.fd, ctl_copies_name(entry->id, entry->born, CTL_COPIES_PART, part), b->copies.path };
	int error = 0;

	if (b->need[i] == LINKED)
		from = (struct ctl_tree_place){ b->other.fd, ctl_copies_name(entry->id, entry->born, "", name),
						b->other.path };
	else
		error = ctl_inside_find(&b->base, entry->path, false, &from);
	b->tree.is_source_at_fault = true;
	if (error)
		return ctl_error(b->ctl, EX_IOERR, "cannot reach segment %" PRIu64 " %s: %s", entry->id, entry->path,
				 strerror(error));
	return ctl_tree_copy(&b->tree, &from, &to, b->need[i] == LINKED ? CTL_TREE_LINK : CTL_TREE_COPY);
}

/* A segment that cannot be read does not keep the others from being copied; a disk that is full does. */
static int copy_segment(struct backup *b, size_t i)
{
	const struct segreg_entry *entry = &b->list.items[i];
	char name[CTL_COPIES_NAME];
	int status = make_copy(b, i);

	if (!status)
		return EX_OK;
	if (b->tree.is_source_at_fault && ++b->count[FAULTY] < FAULTS_MAX) {
		b->need[i] = FAULTY;
		b->status = status;
		ctl_copies_name(entry->id, entry->born, CTL_COPIES_PART, name);
		return ctl_tree_remove(b->ctl, &(struct ctl_tree_place){ b->copies.fd, name, b->copies.path });
	}
	return status;
}

/* If the snapshot was taken away, a sweep may have deleted a segment while it was copied. */
static int check_snapshot(const struct backup *b)
{
	struct segreg_entry entry = { .size = sizeof entry };
	int code = segreg_snapshot_find(b->ctl->reg, &b->snapshot, b->list.items[0].id, &entry);

	return !code || code == SEGREG_E_NOENT ? EX_OK : ctl_fail(b->ctl, code);
}

/* Make the copies of a batch durable, and give them their names. */
static int finish_batch(const struct backup *b, size_t first, size_t end)
{
	int status = check_snapshot(b);

	if (!status)
		status = ctl_tree_sync(b->ctl, b->fd, b->path);

	for (size_t i = first; i < end && !status; i++) {
		const struct segreg_entry *entry = &b->list.items[i];
		char part[CTL_COPIES_NAME], name[CTL_COPIES_NAME];

		if (b->need[i] != COPIED && b->need[i] != LINKED)
			continue;
		ctl_copies_name(entry->id, entry->born, CTL_COPIES_PART, part);
		ctl_copies_name(entry->id, entry->born, "", name);
		if (renameat(b->copies.fd, part, b->copies.fd, name) == -1)
			status = ctl_error(b->ctl, EX_IOERR, "cannot rename %s/%s: %s", b->copies.path, part,
					   strerror(errno));
	}
	return status;
}

static int copy_all(struct backup *b)
{
	uint64_t synced = 0;
	size_t first = 0, in_batch = 0;
	int status = EX_OK;

	for (size_t i = 0; i < b->list.n && !status; i++) {
		if (b->need[i] == THERE)
			continue;
		show(b);
		status = copy_segment(b, i);
		b->work.done++;
		if (status || (++in_batch < BATCH_COPIES && b->tree.bytes - synced < BATCH_BYTES))
			continue;
		status = finish_batch(b, first, i + 1);
		first = i + 1;
		in_batch = 0;
		synced = b->tree.bytes;
	}
	if (!status && in_batch)
		status = finish_batch(b, first, b->list.n);
	ctl_progress_end();
	ctl_tree_finish(&b->tree);
	return status ? status : b->status;
}

/* ------------------------------------------------------------------ what there is to do */

static uint64_t measure(struct backup *b, const struct segreg_entry *entry)
{
	struct ctl_tree_place place;

	return ctl_inside_find(&b->base, entry->path, false, &place) ? 0 : ctl_tree_measure(&place);
}

static void plan_segment(struct backup *b, size_t i)
{
	const struct segreg_entry *entry = &b->list.items[i];

	b->need[i] = ctl_copies_have(&b->copies, entry->id, entry->born)  ? THERE
		     : ctl_copies_have(&b->other, entry->id, entry->born) ? LINKED
									  : COPIED;
	b->count[b->need[i]]++;
	b->work.n += b->need[i] != THERE;
	if (b->need[i] == COPIED && (b->is_dry || ctl_progress_is_shown()))
		b->work.total += measure(b, entry);
	if (b->is_dry && b->need[i] != THERE)
		tool_text_say(stdout, "", "would %s %" PRIu64 " %s", b->need[i] == LINKED ? "link" : "copy", entry->id,
			      entry->path);
}

static int plan(struct backup *b)
{
	b->need = calloc(b->list.n + 1, sizeof *b->need);
	if (!b->need)
		return ctl_fail(b->ctl, SEGREG_E_NOMEM);
	for (size_t i = 0; i < b->list.n; i++)
		plan_segment(b, i);
	ctl_progress_begin_work(&b->work);
	return EX_OK;
}

/* Copy all segments while one snapshot holds them. */
static int copy_snapshot(struct backup *b)
{
	struct segreg *reg = b->ctl->reg;
	int status, code = segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &b->snapshot);

	if (code)
		return ctl_fail(b->ctl, code);
	code = ctl_dump_collect(reg, &b->snapshot, &b->list);
	status = code ? ctl_fail(b->ctl, code) : plan(b);
	if (!status && !b->is_dry)
		status = copy_all(b);
	code = segreg_snapshot_release(reg, &b->snapshot); /* fails if the snapshot was evicted meanwhile */
	return status || !code ? status : ctl_fail(b->ctl, code);
}

/* ------------------------------------------------------------------ what is in it */

static int write_list(const struct backup *b)
{
	char path[CTL_TREE_PATH], aside[CTL_TREE_PATH];
	FILE *file = fopen(in_dest(b, aside, "live.txt" CTL_COPIES_PART), "we");
	bool written = file != NULL;

	if (written) {
		ctl_dump_print(file, &b->list);
		written = !(fflush(file) | ferror(file)) && fsync(fileno(file)) == 0;
	}
	if (file)
		fclose(file);
	if (!written || rename(aside, in_dest(b, path, "live.txt")) == -1)
		return ctl_error(b->ctl, EX_IOERR, "cannot write %s: %s", aside, strerror(errno));
	return ctl_tree_sync(b->ctl, b->fd, b->path);
}

static bool is_listed(const struct backup *b, const struct ctl_copy *copy)
{
	size_t low = 0, high = b->list.n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (b->list.items[middle].id < copy->id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < b->list.n && b->list.items[low].id == copy->id && b->list.items[low].born == copy->born;
}

/* Remove the copies that were there and that the list does not have. */
static int prune(struct backup *b)
{
	int status = EX_OK;

	for (size_t i = 0; i < b->copies.n && !status; i++) {
		const struct ctl_copy *copy = &b->copies.items[i];
		char name[CTL_COPIES_NAME];

		if (is_listed(b, copy))
			continue;
		b->removed++;
		ctl_copies_name(copy->id, copy->born, "", name);
		if (b->is_dry)
			tool_text_say(stdout, "", "would remove %s/%s", b->copies.path, name);
		else
			status =
				ctl_tree_remove(b->ctl, &(struct ctl_tree_place){ b->copies.fd, name, b->copies.path });
	}
	return status;
}

static void report(const struct backup *b)
{
	const char *would = b->is_dry ? " would be" : "";
	char size[TOOL_SPAN_SIZE], linked[64] = "";

	if (b->ctl->option['l'])
		snprintf(linked, sizeof linked, ", %zu%s linked", b->count[LINKED], would);
	printf("%zu %s%s copied (%s)%s, %zu there already, %zu%s removed; version %" PRIu64 "\n", b->count[COPIED],
	       b->count[COPIED] == 1 ? "segment" : "segments", would,
	       tool_format_bytes(b->is_dry ? b->work.total : b->tree.bytes, size), linked, b->count[THERE], b->removed,
	       would, b->list.version);
}

/*
 * What an interrupted backup left goes first: its space may be needed. No new entry inherits an ACL: each gets that of
 * its segment, or none.
 */
static int make_ready(struct backup *b)
{
	int error = ctl_inside_begin(&b->base, segreg_base_path(b->ctl->reg));

	if (error)
		return ctl_error(b->ctl, EX_NOINPUT, "cannot open %s: %s", b->base.base_path, strerror(error));
	if (b->is_dry)
		return EX_OK;
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->fd == -1)
		return ctl_error(b->ctl, EX_CANTCREAT, "cannot open %s: %s", b->path, strerror(errno));
	fremovexattr(b->copies.fd, "system.posix_acl_default");
	return ctl_copies_remove_parts(b->ctl, &b->copies);
}

static int run(struct backup *b, int *other_lock)
{
	int status = ctl_copies_open(b->ctl, &b->copies, b->path, b->is_dry);

	if (!status)
		status = open_other(b, other_lock);
	if (!status)
		status = make_ready(b);
	if (!status)
		status = copy_snapshot(b);
	if (!status && !b->is_dry)
		status = ctl_tree_sync(b->ctl, b->fd, b->path); /* the names of the copies */
	if (!status && !b->is_dry)
		status = write_list(b);
	if (!status)
		status = prune(b);
	if (!status)
		report(b);
	return status;
}

static int exec(struct ctl *ctl)
{
	struct backup b = { .ctl = ctl, .path = ctl->operand[0], .is_dry = ctl->option['n'], .fd = -1 };
	int lock = -1, other_lock = -1, status;

	b.tree = (struct ctl_tree){ .ctl = ctl, .tick = show, .arg = &b };
	b.copies.fd = b.other.fd = b.base.base = b.base.parent = -1;
	status = ctl_backup_own(ctl, b.path, b.is_dry, &lock);
	if (!status)
		status = run(&b, &other_lock);
	ctl_copies_close(&b.copies);
	ctl_copies_close(&b.other);
	ctl_inside_end(&b.base);
	free(b.list.items);
	free(b.need);
	for (int i = 0; i < 3; i++)
		if ((int[]){ b.fd, lock, other_lock }[i] != -1)
			close((int[]){ b.fd, lock, other_lock }[i]);
	return status;
}
