/*
 * below.c - registering what lies below a directory.
 *
 * The walk enters no segment, no registry and no other mount, and follows no symlink. What cannot be registered is
 * reported, and the rest is registered in one edit.
 */
#include <errno.h>
#include <fnmatch.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/status.h"
#include "common/text.h"
#include "segctl/below.h"
#include "segctl/error.h"
#include "segctl/progress.h"
#include "segctl/segments.h"
#include "segctl/several.h"

struct below {
	struct ctl *ctl;
	const char *glob;
	struct segreg_edit *edit;
	const char **present; /* paths of all segments, sorted */
	size_t n_present;
	struct stat registry; /* its directory */
	size_t new, there, refused;
	struct ctl_several errors;
};

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_segment(const struct below *b, const char *path)
{
	return b->n_present && bsearch(&path, b->present, b->n_present, sizeof *b->present, compare_paths);
}

static void refuse(struct below *b, int status, const char *path, const char *why)
{
	b->refused++;
	ctl_several_error(b->ctl, &b->errors, status, "%s: %s", path, why);
}

static void add_file(struct below *b, const char *path)
{
	int code = segreg_edit_add(b->edit, SEGREG_ID_NEXT, path);

	if (code) {
		refuse(b, tool_status_from_code(code), path, segreg_last_error());
		return;
	}
	b->new ++;
	if (b->ctl->option['n'])
		tool_text_say(stdout, "", "would register %s", path);
	else
		ctl_progress_show("%zu files found below %s", b->new, b->ctl->option['b']);
}

static bool is_left_out(const struct below *b, const FTSENT *entry)
{
	return (entry->fts_level > 0 && strncmp(entry->fts_name, ".segreg", 7) == 0) ||
	       (entry->fts_statp->st_ino == b->registry.st_ino && entry->fts_statp->st_dev == b->registry.st_dev);
}

static void visit(struct below *b, FTS *fts, FTSENT *entry, const char *path)
{
	switch (entry->fts_info) {
	case FTS_D:
		if (*path && is_segment(b, path)) {
			b->there++;
			fts_set(fts, entry, FTS_SKIP);
		} else if (is_left_out(b, entry)) {
			fts_set(fts, entry, FTS_SKIP);
		}
		break;
	case FTS_F:
		if (is_segment(b, path))
			b->there++;
		else if (!is_left_out(b, entry) && (!b->glob || fnmatch(b->glob, entry->fts_name, FNM_PERIOD) == 0))
			add_file(b, path);
		break;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		refuse(b, entry->fts_errno == ENOENT ? EX_NOINPUT : EX_NOPERM, path, strerror(entry->fts_errno));
		break;
	default:
		break;
	}
}

static int walk(struct below *b, const char *dir)
{
	const char *base = segreg_base_path(b->ctl->reg);
	char top[2 * SEGREG_PATH_SIZE], *tops[] = { top, NULL };
	size_t skipped = strlen(base) + 1;
	FTSENT *entry;
	FTS *fts;

	snprintf(top, sizeof top, strcmp(dir, ".") == 0 ? "%s" : "%s/%s", base, dir);
	fts = fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	if (!fts)
		return ctl_error(b->ctl, EX_OSERR, "%s: %s", top, strerror(errno));
	while ((entry = fts_read(fts)))
		visit(b, fts, entry, strlen(entry->fts_path) > skipped ? entry->fts_path + skipped : "");
	fts_close(fts);
	return EX_OK;
}

static int load_present(struct below *b, struct ctl_segments *segments)
{
	int code = ctl_segments_load(b->ctl, NULL, segments);

	if (code)
		return ctl_fail(b->ctl, code);
	b->present = calloc(segments->n + 1, sizeof *b->present);
	if (!b->present)
		return ctl_fail(b->ctl, SEGREG_E_NOMEM);
	for (size_t i = 0; i < segments->n; i++)
		b->present[b->n_present++] = segments->items[i].path;
	qsort(b->present, b->n_present, sizeof *b->present, compare_paths);
	return EX_OK;
}

static int finish(struct below *b)
{
	bool dry_run = b->ctl->option['n'] != NULL;
	int code = 0;

	if (b->new && !dry_run) {
		ctl_progress_show("registering %zu segments", b->new);
		code = segreg_edit_commit(b->edit, NULL);
		b->edit = NULL;
	}
	ctl_progress_end();
	if (code)
		return ctl_fail(b->ctl, code);
	ctl_several_end(b->ctl, &b->errors);
	printf("%zu %s%s registered, %zu there already, %zu refused\n", b->new, b->new == 1 ? "segment" : "segments",
	       dry_run ? " would be" : "", b->there, b->refused);
	return b->errors.status;
}

int ctl_below_register(struct ctl *ctl, const char *dir, const char *glob)
{
	struct below b = { .ctl = ctl, .glob = glob };
	struct ctl_segments segments = { .n = 0 };
	int code, status = load_present(&b, &segments);

	if (!status && stat(ctl->dir, &b.registry) == -1)
		status = ctl_error(ctl, EX_NOINPUT, "%s: %s", ctl->dir, strerror(errno));
	if (!status && (code = segreg_edit_begin(ctl->reg, &b.edit)))
		status = ctl_fail(ctl, code);
	if (!status)
		status = walk(&b, dir);
	if (!status)
		status = finish(&b);
	segreg_edit_abort(b.edit);
	free(b.present);
	ctl_segments_free(&segments);
	return status;
}
