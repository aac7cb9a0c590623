/*
 * segreg.c - the public calls of a registry's life, its segments and its edits. segreg_hold.c and segreg_ask.c have the
 * other calls. A public call checks its arguments here, once, and then calls down.
 */
#include "segreg_args.h"
#include "edit/sr_discard.h"
#include "edit/sr_edit.h"
#include "edit/sr_commit.h"
#include "edit/sr_remove.h"
#include "edit/sr_vacate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 10000u

SR_COLD int sr_invalid(const char *what)
{
	return sr_fail(SEGREG_E_INVAL, "invalid argument: %s", what);
}

SR_COLD int sr_make_ready(struct segreg *reg)
{
	SR_UNCANCELLED();
	return reg ? sr_handle_arrive(reg) : sr_invalid("not an open handle");
}

/* ---------------------------------------------------------------- life */

int segreg_open(const char *dir, const struct segreg_open_options *options, struct segreg **reg)
{
	SR_UNCANCELLED();
	struct segreg_open_options o;
	int rc = sr_copy_in(&o, sizeof(o), options, options ? options->size : 0);

	if (rc)
		return rc;
	if (!dir || !*dir || !reg)
		return sr_invalid("no directory, or nowhere to put the handle");
	if (o.flags & ~(SEGREG_CREATE | SEGREG_ADOPT | SEGREG_TAKE_BASE))
		return sr_invalid("unknown flags");
	if (o.flags & SEGREG_CREATE && o.flags & SEGREG_ADOPT)
		return sr_invalid("SEGREG_CREATE and SEGREG_ADOPT exclude each other");
	if (o.flags & SEGREG_TAKE_BASE && !(o.flags & SEGREG_CREATE))
		return sr_invalid("SEGREG_TAKE_BASE is for a creation: give SEGREG_CREATE too");
	if (!o.timeout_ms)
		o.timeout_ms = DEFAULT_TIMEOUT_MS;
	if (!o.label)
		o.label = program_invocation_short_name;
	return sr_handle_open(dir, &o, reg);
}

int segreg_close(struct segreg *reg, uint64_t *released)
{
	SR_UNCANCELLED();
	if (!reg) {
		if (released)
			*released = 0;
		return 0;
	}
	if (sr_is_ready(reg))
		sr_discard_try_flush(reg);
	return sr_handle_close(reg, released);
}

const char *segreg_base_path(const struct segreg *reg)
{
	SR_UNCANCELLED();
	return reg ? sr_handle_base(reg) : NULL;
}

/* ---------------------------------------------------------------- segments and edits */

static void begin(struct segreg *reg, struct segreg_edit *edit)
{
	*edit = (struct segreg_edit){
		.magic = SR_EDIT_MAGIC, .reg = reg, .fork_no = sr_fork_no(), .open_number = reg->open_number
	};
}

static int commit_one(struct segreg_edit *edit, int rc)
{
	if (!rc)
		rc = sr_commit_edit(edit, NULL);
	sr_edit_clear(edit);
	return rc;
}

/* An edit of one operation with a path. */
static int edit_path(struct segreg *reg, int (*operation)(struct segreg_edit *, uint64_t, const char *), uint64_t id,
		     const char *path)
{
	SR_UNCANCELLED();
	struct segreg_edit edit;
	int rc = sr_check_handle_and(reg, path, "no path");

	if (rc)
		return rc;
	begin(reg, &edit);
	return commit_one(&edit, operation(&edit, id, path));
}

/* An edit of one operation with an id alone. */
static int edit_id(struct segreg *reg, int (*operation)(struct segreg_edit *, uint64_t), uint64_t id)
{
	SR_UNCANCELLED();
	struct segreg_edit edit;
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	begin(reg, &edit);
	return commit_one(&edit, operation(&edit, id));
}

int segreg_register(struct segreg *reg, uint64_t id, const char *path)
{
	return edit_path(reg, sr_edit_add, id, path);
}

int segreg_reserve(struct segreg *reg, uint64_t id, const char *path)
{
	return edit_path(reg, sr_edit_reserve, id, path);
}

int segreg_unreserve(struct segreg *reg, uint64_t id)
{
	return edit_id(reg, sr_edit_unreserve, id);
}

int segreg_retire(struct segreg *reg, uint64_t id)
{
	return edit_id(reg, sr_edit_retire, id);
}

int segreg_retire_path(struct segreg *reg, const char *path)
{
	SR_UNCANCELLED();
	struct segreg_edit edit;
	int rc = sr_check_handle_and(reg, path, "no path");

	if (rc)
		return rc;
	begin(reg, &edit);
	return commit_one(&edit, sr_edit_retire_path(&edit, path));
}

int segreg_discard(struct segreg *reg, const char *const *paths, size_t n, unsigned flags)
{
	SR_UNCANCELLED();
	struct segreg_edit edit;
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if (flags & ~SEGREG_DISCARD_RELAXED)
		return sr_invalid("unknown flags");
	if (n && !paths)
		return sr_invalid("no paths");
	if (!n)
		return flags ? 0 : sr_discard_flush(reg);
	for (size_t i = 0; i < n; i++)
		if (!paths[i])
			return sr_invalid("one of the paths is missing");
	rc = flags ? sr_discard_relaxed(reg, paths, n) : SR_DISCARDS_FULL;
	if (rc != SR_DISCARDS_FULL)
		return rc;
	begin(reg, &edit);
	rc = 0;
	for (size_t i = 0; i < n && !rc; i++)
		rc = sr_edit_discard(&edit, paths[i]);
	return commit_one(&edit, rc);
}

int segreg_vacate(struct segreg *reg, const char *path)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, path, "no path");

	return rc ? rc : sr_vacate(reg, path);
}

int segreg_force_remove(struct segreg *reg, uint64_t id, unsigned flags)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle(reg);

	if (rc)
		return rc;
	if (flags & ~(SEGREG_FORCE | SEGREG_DESPITE_HORIZONS))
		return sr_invalid("unknown flags");
	return sr_force_remove(reg, id, flags);
}

static int check_edit(const struct segreg_edit *edit)
{
	if (!edit || edit->magic != SR_EDIT_MAGIC)
		return sr_invalid("not an edit");
	if (edit->fork_no != sr_fork_no())
		return sr_invalid("the parent process began this edit");
	if (edit->open_number != edit->reg->open_number)
		return sr_invalid("the handle of this edit was closed");
	return 0;
}

int segreg_edit_begin(struct segreg *reg, struct segreg_edit **edit)
{
	SR_UNCANCELLED();
	int rc = sr_check_handle_and(reg, edit, "nowhere to put the edit");

	if (rc)
		return rc;
	*edit = sr_sys_malloc(sizeof(**edit));
	if (!*edit)
		return sr_fail(SEGREG_E_NOMEM, "no memory for an edit");
	begin(reg, *edit);
	return 0;
}

int segreg_edit_add(struct segreg_edit *edit, uint64_t id, const char *path)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	if (rc)
		return rc;
	return path ? sr_edit_add(edit, id, path) : sr_invalid("no path");
}

int segreg_edit_set_user(struct segreg_edit *edit, const void *bytes, size_t n)
{
	int rc = check_edit(edit);

	if (rc)
		return rc;
	if (n > SEGREG_USER_SIZE || (n && !bytes))
		return sr_invalid("more than SEGREG_USER_SIZE bytes for a segment, or no bytes");
	return sr_edit_set_user(edit, bytes, n) ? 0 : sr_invalid("the edit has no addition that could get bytes");
}

int segreg_edit_retire(struct segreg_edit *edit, uint64_t id)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	return rc ? rc : sr_edit_retire(edit, id);
}

int segreg_edit_retire_path(struct segreg_edit *edit, const char *path)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	if (rc)
		return rc;
	return path ? sr_edit_retire_path(edit, path) : sr_invalid("no path");
}

int segreg_edit_discard(struct segreg_edit *edit, const char *path)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	if (rc)
		return rc;
	return path ? sr_edit_discard(edit, path) : sr_invalid("no path");
}

int segreg_edit_expect(struct segreg_edit *edit, uint64_t version)
{
	int rc = check_edit(edit);

	if (rc)
		return rc;
	edit->expects = true;
	edit->expected = version;
	return 0;
}

int segreg_edit_expect_live(struct segreg_edit *edit)
{
	int rc = check_edit(edit);

	if (!rc)
		edit->expects_live = true;
	return rc;
}

int segreg_edit_sync(struct segreg_edit *edit)
{
	int rc = check_edit(edit);

	if (!rc)
		edit->syncs = true;
	return rc;
}

int segreg_edit_token(struct segreg_edit *edit, const unsigned char token[16])
{
	int rc = check_edit(edit);

	if (rc)
		return rc;
	if (!token)
		return sr_invalid("no token");
	memcpy(edit->token, token, sizeof(edit->token));
	edit->has_token = true;
	return 0;
}

int segreg_edit_commit(struct segreg_edit *edit, uint64_t *version)
{
	SR_UNCANCELLED();
	int rc = check_edit(edit);

	if (!rc)
		rc = sr_commit_edit(edit, version);
	segreg_edit_abort(edit);
	return rc;
}

void segreg_edit_abort(struct segreg_edit *edit)
{
	SR_UNCANCELLED();
	if (!edit || edit->magic != SR_EDIT_MAGIC)
		return;
	sr_edit_clear(edit);
	edit->magic = 0;
	free(edit);
}
