/*
 * sr_check.c - compares the database, the shared memory and the disk.
 *
 * First, under the commit lock, the check reads the records and compares them with the slots. No process changes either
 * meanwhile. Then, without a lock, it looks for each record's path on the disk, and walks base for files that belong to
 * no segment. Other processes work meanwhile. So the check reports a fault on the disk only if the registry still
 * confirms it afterwards:
 *
 * - a missing or replaced path, if its segment is still registered;
 * - a stranger, if no segment has been registered at its path;
 * - an entry in the trash, if it outlives the record to which it belonged.
 *
 * Last come the objects in /dev/shm that this registry left there.
 */
#include "sweep/sr_check.h"
#include "db/sr_records.h"
#include "registry/sr_change.h"
#include "sys/sr_error.h"
#include "registry/sr_leftover.h"
#include "shm/sr_paths.h"
#include "shm/sr_table.h"
#include "base/sr_trash.h"
#include "base/sr_foreign.h"
#include "base/sr_marker.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
	struct segreg *reg;
	segreg_check_fn *fn;
	void *arg;
	struct sr_record **by_id, **by_path;
	size_t n, room;
	bool differs;
	uint64_t dev; /* device of base */
};

static int fail_no_memory(void)
{
	return sr_fail(SEGREG_E_NOMEM, "no memory to check the registry");
}

__attribute__((format(printf, 5, 6))) static int report(const struct check *check, enum segreg_finding_kind kind,
							uint64_t id, const char *path, const char *format, ...)
{
	char reason[256];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	return check->fn(check->arg,
			 &(struct segreg_finding){ .kind = kind, .id = id, .path = path, .reason = reason });
}

/* ---------------------------------------------------------------- database and shared memory */

static int keep(void *arg, const struct sr_record *record)
{
	struct check *check = arg;
	size_t size = offsetof(struct sr_record, path) + record->path_length + 1u;
	struct sr_record *copy = sr_sys_malloc(size);

	if (!copy)
		return fail_no_memory();
	memcpy(copy, record, size);
	if (check->n == check->room) {
		size_t room = check->room ? 2 * check->room : 256;
		void *more = sr_sys_realloc(check->by_id, room * sizeof(struct sr_record *));

		if (!more) {
			free(copy);
			return fail_no_memory();
		}
		check->by_id = more;
		check->room = room;
	}
	check->by_id[check->n++] = copy;
	return 0;
}

/* How the slot differs from the record, in words; NULL: it does not. */
static const char *difference(const struct sr_region *region, uint32_t slot, const struct sr_record *record)
{
	const struct sr_detail *detail = &region->details[slot];
	unsigned char user[SEGREG_USER_SIZE];
	char path[SEGREG_PATH_MAX + 1];
	size_t user_size;

	if (sr_word_state(sr_load_acquire_u64(&region->slots[slot].word)) != record->state)
		return "the database and shared memory have different states of it";
	if (detail->born != record->born || detail->retired != record->retired)
		return "the database and shared memory have different versions of it";
	if (!sr_paths_get_text(region, slot, path, user, &user_size) || strcmp(path, record->path))
		return "the database and shared memory have different paths of it";
	if (user_size != record->user_size || memcmp(user, record->user, user_size) != 0)
		return "the database and shared memory have different bytes of its user";
	return NULL;
}

static bool has_record(const struct check *check, uint64_t id)
{
	size_t low = 0, high = check->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (check->by_id[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < check->n && check->by_id[low]->id == id;
}

/* Whether a record can have this state. */
static bool is_durable(enum sr_state state)
{
	return state == SR_BUILDING || state == SR_LIVE || state == SR_PENDING || state == SR_DELETING;
}

/* A finding. The callback must not run under the commit lock, so findings are collected here and reported later. */
struct note {
	struct note *next;
	uint64_t id;
	const char *what;
	char path[SEGREG_PATH_MAX + 1];
};

static int add_note(struct note **notes, uint64_t id, const char *what, const char *path)
{
	struct note *note = sr_sys_malloc(sizeof(*note));

	if (!note)
		return fail_no_memory();
	note->next = *notes;
	note->id = id;
	note->what = what;
	strcpy(note->path, path);
	*notes = note;
	return 0;
}

static int compare(const struct check *check, struct note **notes)
{
	const struct sr_region *region = &check->reg->region;
	uint32_t top = sr_region_slot_top(region);
	int rc = 0;

	for (size_t i = 0; i < check->n && !rc; i++) {
		const struct sr_record *record = check->by_id[i];
		uint32_t slot = sr_table_find(region, record->id);
		const char *what = slot == SR_NONE ? "only the database has it" : difference(region, slot, record);

		if (what)
			rc = add_note(notes, record->id, what, record->path);
	}
	for (uint32_t slot = 0; slot < top && !rc; slot++) {
		uint64_t id = region->slots[slot].id;
		char path[SEGREG_PATH_MAX + 1];

		if (!is_durable(sr_word_state(sr_load_acquire_u64(&region->slots[slot].word))) || has_record(check, id))
			continue;
		rc = add_note(notes, id, "only shared memory has it", sr_paths_get(region, slot, path) ? path : "");
	}
	return rc;
}

static int read_and_compare(struct check *check, struct note **notes)
{
	struct sr_change change;
	int rc = sr_change_begin(&change, check->reg);

	if (rc)
		return rc;
	rc = sr_records_each(&check->reg->registry->store, keep, check);
	if (!rc)
		rc = compare(check, notes);
	sr_change_cancel(&change);
	return rc;
}

static int check_tables(struct check *check)
{
	struct note *notes = NULL;
	int rc = read_and_compare(check, &notes);

	check->differs = notes != NULL;
	while (notes) {
		struct note *next = notes->next;

		if (!rc)
			rc = report(check, SEGREG_FOUND_DIFFERENCE, notes->id, notes->path, "%s", notes->what);
		free(notes);
		notes = next;
	}
	return rc;
}

/* Make the next holder of the commit lock reconcile, and be that holder. */
static int repair_tables(struct segreg *reg)
{
	struct sr_change change;
	int rc = sr_change_begin(&change, reg);

	if (rc)
		return rc;
	sr_change_abandon(&change);
	rc = sr_commit_lock_take(reg);
	if (!rc)
		sr_commit_lock_give(reg);
	return rc;
}

/* ---------------------------------------------------------------- segments and the disk */

/* *still gets whether the segment is as it was when the records were read, *error the errno of its failed deletion. */
static int is_still(struct segreg *reg, const struct sr_record *record, bool *still, int *error)
{
	uint32_t slot;
	int rc = sr_table_lock_take(reg);

	if (rc)
		return rc;
	slot = sr_table_find(&reg->region, record->id);
	*still = slot != SR_NONE && reg->region.details[slot].born == record->born &&
		 sr_word_state(sr_load_acquire_u64(&reg->region.slots[slot].word)) == record->state;
	*error = *still && reg->region.details[slot].attempts ? reg->region.details[slot].error : 0;
	sr_table_lock_give(reg);
	return 0;
}

/*
 * Whether a segment in DELETING should be what was registered, although it is not. A deletion that has not failed may
 * be at work: its segment is gone from the path already. A deletion that has failed otherwise than by ENOENT and ESTALE
 * has found the segment, and may have moved it to the trash.
 */
static bool is_deletion_stuck(int error, bool is_missing)
{
	return is_missing ? error == ENOENT || error == ESTALE : error != 0;
}

/* Why what is at a segment's path is not the segment. */
static const char *name_replacement(struct sr_base *base, const char *path)
{
	if (sr_foreign_check_above(base, path) == SEGREG_E_PATH || sr_foreign_check_top(base, path) == SEGREG_E_PATH)
		return "its path leads to a registry, or to another registry's base: no sweep deletes there";
	return "another file or directory is there than was registered";
}

static int check_segment(const struct check *check, const struct sr_record *record)
{
	struct sr_identity identity;
	bool still;
	int rc, error;

	if (record->state == SR_BUILDING)
		return 0;
	rc = sr_base_identify(&check->reg->registry->base, record->path, &identity);
	if (!rc && sr_base_is_registered(check->dev, record, &identity))
		return 0;
	if (rc && rc != SEGREG_E_NOENT && rc != SEGREG_E_PATH)
		return rc;
	bool is_missing = rc == SEGREG_E_NOENT;
	rc = is_still(check->reg, record, &still, &error);
	if (rc || !still || (record->state == SR_DELETING && !is_deletion_stuck(error, is_missing)))
		return rc;
	return is_missing ? report(check, SEGREG_FOUND_MISSING, record->id, record->path, "it is not on the disk")
			  : report(check, SEGREG_FOUND_REPLACED, record->id, record->path, "%s",
				   name_replacement(&check->reg->registry->base, record->path));
}

/* ---------------------------------------------------------------- the disk and segments */

static int by_path(const void *a, const void *b)
{
	const struct sr_record *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

static int sort_by_path(struct check *check)
{
	check->by_path = sr_sys_malloc(check->n * sizeof(*check->by_path) + 1);
	if (!check->by_path)
		return fail_no_memory();
	if (check->n)
		memcpy(check->by_path, check->by_id, check->n * sizeof(*check->by_path));
	qsort(check->by_path, check->n, sizeof(*check->by_path), by_path);
	return 0;
}

/* The first path of a record that is not before `path`; "": there is none. */
static const char *first_from(const struct check *check, const char *path)
{
	size_t low = 0, high = check->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(check->by_path[middle]->path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < check->n ? check->by_path[low]->path : "";
}

enum place { SEGMENT, ABOVE_SEGMENTS, IN_TRASH, OURS, STRANGER };

static enum place place_of(const struct check *check, const char *path)
{
	const char *own = check->reg->registry->base.own;
	char below[SEGREG_PATH_MAX + 2];
	size_t length = strlen(path);

	snprintf(below, sizeof(below), "%s/", path);
	if (!strncmp(path, SR_BASE_TRASH "/", sizeof(SR_BASE_TRASH)))
		return IN_TRASH;
	if (!strcmp(path, SR_BASE_TRASH))
		return ABOVE_SEGMENTS;
	if (!strncmp(path, SR_BASE_MARKER, strlen(SR_BASE_MARKER)) || !strcmp(path, own))
		return OURS;
	if (!strcmp(first_from(check, path), path))
		return SEGMENT;
	if (!strncmp(first_from(check, below), below, length + 1) || !strncmp(own, below, length + 1))
		return ABOVE_SEGMENTS;
	return STRANGER;
}

/* Report a stranger, unless a segment has been registered at its path since. */
static int report_stranger(const struct check *check, const char *path)
{
	struct sr_change change;
	uint64_t id;
	struct sr_base *base = &check->reg->registry->base;
	int rc = sr_change_begin(&change, check->reg);

	if (rc)
		return rc;
	rc = sr_records_overlap(&check->reg->registry->store, path, &id);
	sr_change_cancel(&change);
	if (rc != SR_STORE_ABSENT)
		return rc;
	return report(check, SEGREG_FOUND_STRANGER, 0, path,
		      sr_foreign_check_top(base, path) == SEGREG_E_PATH
			      ? "a registry, or another registry's base: leave it alone"
			      : "no segment is there, and none above or below it");
}

/*
 * Check an entry of the trash. A sweep is deleting it, or it was left when a segment was forgotten because it could not
 * be deleted.
 */
static int check_trashed(const struct check *check, const char *path)
{
	const char *name = path + sizeof(SR_BASE_TRASH);
	char own[SR_TRASH_NAME_SIZE] = "";
	struct sr_identity identity;
	struct sr_change change;
	struct sr_record record;
	int rc = sr_change_begin(&change, check->reg);

	if (rc)
		return rc;
	rc = sr_records_get(&check->reg->registry->store, strtoull(name, NULL, 10), &record);
	sr_change_cancel(&change);
	if (rc && rc != SR_STORE_ABSENT)
		return rc;
	if (rc == 0)
		sr_trash_name(&record, own);
	if (!strcmp(name, own) || sr_base_identify(&check->reg->registry->base, path, &identity) == SEGREG_E_NOENT)
		return 0;
	return report(check, SEGREG_FOUND_STRANGER, 0, path,
		      "in the trash, but no segment is being deleted under this name");
}

static int walk(const struct check *check, const char *path);

static int check_entry(const struct check *check, const char *above, const char *name)
{
	char path[SEGREG_PATH_MAX + 1];

	if ((size_t)snprintf(path, sizeof(path), "%s%s%s", above, *above ? "/" : "", name) >= sizeof(path))
		return 0; /* too long for a segment, and so for a directory above a segment */
	switch (place_of(check, path)) {
	case ABOVE_SEGMENTS:
		return walk(check, path);
	case IN_TRASH:
		return check_trashed(check, path);
	case STRANGER:
		return report_stranger(check, path);
	case SEGMENT:
	case OURS:
		break;
	}
	return 0;
}

/* Read all names in a directory, so that it need not stay open. The caller frees them. */
static int read_names(const struct check *check, const char *path, char ***names, size_t *n)
{
	int fd = sr_sys_open_beneath(sr_base_fd(&check->reg->registry->base), *path ? path : ".",
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *stream = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!stream) {
		bool is_gone = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV ||
			       (errno == EACCES && !strcmp(path, SR_BASE_TRASH)); /* only the sweeper may read it */

		if (!is_gone)
			rc = sr_fail_errno(errno, "cannot read \"%s\" below %s", path, check->reg->registry->base.path);
		if (fd != -1)
			sr_sys_close(fd);
		return rc;
	}
	while (!rc && (entry = readdir(stream))) {
		char **more;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		more = sr_sys_realloc(*names, (*n + 1) * sizeof(**names));
		if (more) {
			*names = more;
			more[*n] = strdup(entry->d_name);
		}
		if (!more || !more[*n])
			rc = fail_no_memory();
		else
			++*n;
	}
	closedir(stream);
	return rc;
}

static int walk(const struct check *check, const char *path)
{
	char **names = NULL;
	size_t n = 0;
	int rc = read_names(check, path, &names, &n);

	for (size_t i = 0; i < n; i++) {
		if (!rc)
			rc = check_entry(check, path, names[i]);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* ---------------------------------------------------------------- the whole */

static int check_disk(struct check *check)
{
	struct sr_identity identity;
	struct sr_marker marker;
	int rc = sr_marker_check(&check->reg->registry->base, check->reg->registry->uuid, &marker);

	if (!rc && sr_sys_identify_open(sr_base_fd(&check->reg->registry->base), &identity) == -1)
		rc = sr_fail_errno(errno, "cannot look at %s", check->reg->registry->base.path);
	if (!rc) {
		check->dev = identity.dev;
		rc = sort_by_path(check);
	}
	for (size_t i = 0; i < check->n && !rc; i++)
		rc = check_segment(check, check->by_path[i]);
	return rc ? rc : walk(check, "");
}

int sr_check(struct segreg *reg, bool repair, segreg_check_fn *fn, void *arg)
{
	struct check check = { .reg = reg, .fn = fn, .arg = arg };
	int rc = check_tables(&check);

	if (!rc && repair && check.differs)
		rc = repair_tables(reg);
	SR_STOP("check.compared");
	if (!rc)
		rc = check_disk(&check);
	if (!rc)
		rc = sr_leftover_each(reg->registry, fn, arg);
	for (size_t i = 0; i < check.n; i++)
		free(check.by_id[i]);
	free(check.by_id);
	free(check.by_path);
	return rc;
}
