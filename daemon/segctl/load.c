/*
 * load.c - registering what a dump lists, all of it or nothing.
 *
 * First the whole text is read and compared with the registry and the disk, so that every fault is reported with its
 * line. Then one edit adds the missing segments; it checks everything again, under the commit lock.
 *
 * A line that is live already is no change. So an operator simply repeats a load whose outcome is unknown after a
 * crash or a power cut. The edit has no token. With one, a load into a registry that has dropped these segments since
 * would change nothing and report success.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "segreg.h"
#include "common/number.h"
#include "common/status.h"
#include "common/text.h"
#include "segctl/bytes.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/load.h"
#include "segctl/progress.h"
#include "segctl/several.h"

struct load {
	struct ctl *ctl;
	const char *name; /* name of the text */
	struct ctl_load_item *items;
	size_t n, room;
	uint64_t version;
	size_t lines; /* the first items, which are lines of the text */
	size_t there; /* lines that are live already */
	struct ctl_several errors;
};

/* ------------------------------------------------------------------ the text */

static struct ctl_load_item *new_item(struct load *load)
{
	if (load->n == load->room) {
		size_t room = load->room ? 2 * load->room : 64;
		void *more = reallocarray(load->items, room, sizeof *load->items);

		if (!more)
			return NULL;
		load->items = more;
		load->room = room;
	}
	load->items[load->n] = (struct ctl_load_item){ .state = SEGREG_LIVE };
	return &load->items[load->n];
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Undo print_path of dump.c in place. False: print_path did not write this text. */
static bool unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		int high, low;

		if (*from != '\\') {
			*to = *from++;
			continue;
		}
		if (from[1] != 'x' || (high = hex_digit(from[2])) < 0 || (low = hex_digit(from[3])) < 0 ||
		    !(high | low))
			return false;
		*to = (char)(high << 4 | low);
		from += 4;
	}
	*to = '\0';
	return to > text;
}

/* Parse "segment ID TYPE PATH [USER_BYTES]". False: the line is something else. */
static bool parse_segment(char *text, struct ctl_load_item *item)
{
	char *id = text + strlen("segment "), *type = strchr(id, ' ');
	char *path = type ? strchr(type + 1, ' ') : NULL;
	char *user = path ? strchr(path + 1, ' ') : NULL;

	if (!path || strpbrk(user ? user + 1 : path + 1, " \t\r"))
		return false;
	*type++ = *path++ = '\0';
	if (user)
		*user++ = '\0';
	item->is_directory = !strcmp(type, "dir");
	return (item->is_directory || !strcmp(type, "file")) && tool_parse_number(id, SEGREG_ID_NEXT - 1, &item->id) &&
	       (!user || (ctl_bytes_read(user, item->user, &item->user_size) && item->user_size)) && unescape(path) &&
	       (item->path = strdup(path));
}

static int damaged(const struct load *load, size_t line, const char *what)
{
	return ctl_error(load->ctl, EX_DATAERR, "%s:%zu: %s", load->name, line, what);
}

enum part { HEADER, BODY, END };

static int parse_line(struct load *load, char *text, size_t line, enum part *part)
{
	uint64_t number;
	struct ctl_load_item *item;

	if (*part == HEADER) {
		*part = BODY;
		return strcmp(text, "segreg dump 1")
			       ? damaged(load, line, "not a dump of format 1: its first line is not \"segreg dump 1\"")
			       : EX_OK;
	}
	if (*part == END)
		return damaged(load, line, "something follows the line \"end\"");
	if (!*text || *text == '#' ||
	    (!strncmp(text, "version ", 8) && tool_parse_number(text + 8, UINT64_MAX, &load->version)))
		return EX_OK;
	if (!strncmp(text, "end ", 4)) {
		*part = END;
		return tool_parse_number(text + 4, UINT64_MAX, &number) && number == load->n
			       ? EX_OK
			       : damaged(load, line, "the line \"end\" has another number of segments than there are");
	}
	if (strncmp(text, "segment ", 8))
		return damaged(load, line, "neither \"segment\", \"version\", \"end\" nor a comment");
	item = new_item(load);
	if (!item)
		return ctl_fail(load->ctl, SEGREG_E_NOMEM);
	if (!parse_segment(text, item))
		return damaged(load, line, "not \"segment ID dir|file PATH [USER_BYTES]\"");
	item->line = line;
	load->n++;
	return EX_OK;
}

static int parse(struct load *load, FILE *file)
{
	enum part part = HEADER;
	int status = EX_OK;
	size_t size = 0, line = 0;
	char *text = NULL;
	ssize_t length;

	while (!status && (length = getline(&text, &size, file)) >= 0) {
		line++;
		if (text[length - 1] == '\n')
			text[--length] = '\0';
		status = strlen(text) == (size_t)length ? parse_line(load, text, line, &part)
							: damaged(load, line, "it has a NUL byte");
	}
	if (!status && ferror(file))
		status = ctl_error(load->ctl, EX_IOERR, "cannot read %s: %s", load->name, strerror(errno));
	else if (!status && part != END)
		status = damaged(load, line, "cut off: the line \"end\" is missing");
	free(text);
	load->lines = load->n;
	return status;
}

/* name is NULL or "-" for stdin. */
static int read_text(struct load *load, const char *name)
{
	bool from_stdin = !name || !strcmp(name, "-");
	FILE *file = from_stdin ? stdin : fopen(name, "re");
	int status;

	load->name = from_stdin ? "stdin" : name;
	if (!file)
		return ctl_error(load->ctl, EX_NOINPUT, "cannot open %s: %s", load->name, strerror(errno));
	status = parse(load, file);
	if (!from_stdin)
		fclose(file);
	return status;
}

/* ------------------------------------------------------------------ what speaks against it */

static int add_present(void *arg, const struct segreg_info *info)
{
	struct load *load = arg;
	struct ctl_load_item *item = new_item(load);

	if (!item || !(item->path = strdup(info->path)))
		return SEGREG_E_NOMEM;
	item->id = info->id;
	item->state = info->state;
	item->is_directory = info->is_directory;
	item->user_size = info->user_size;
	memcpy(item->user, info->user, sizeof item->user);
	load->n++;
	return 0;
}

static void refuse(struct load *load, struct ctl_load_item *item, int status, const char *what,
		   const struct ctl_load_item *other)
{
	char whose[64] = "";

	if (other && other->line)
		snprintf(whose, sizeof whose, " line %zu", other->line);
	else if (other)
		snprintf(whose, sizeof whose, " segment %" PRIu64 " (%s)", other->id, segreg_state_name(other->state));
	ctl_several_error(load->ctl, &load->errors, status, "%s:%zu: segment %" PRIu64 " %s: %s%s", load->name,
			  item->line, item->id, item->path, what, whose);
	item->is_settled = true;
}

static int by_id(const void *a, const void *b)
{
	const struct ctl_load_item *x = *(struct ctl_load_item *const *)a, *y = *(struct ctl_load_item *const *)b;

	return x->id != y->id ? (x->id > y->id ? 1 : -1) : (x->line > y->line) - (x->line < y->line);
}

/* A slash sorts before any other byte, so a directory and what lies in it are neighbours. */
static int by_path(const void *a, const void *b)
{
	const struct ctl_load_item *x = *(struct ctl_load_item *const *)a, *y = *(struct ctl_load_item *const *)b;
	const unsigned char *p = (const unsigned char *)x->path, *q = (const unsigned char *)y->path;

	while (*p && *p == *q)
		p++, q++;
	if (*p == *q)
		return (x->line > y->line) - (x->line < y->line);
	return (*p == '/' ? 1 : *p ? *p + 1 : 0) - (*q == '/' ? 1 : *q ? *q + 1 : 0);
}

static bool is_same(const struct ctl_load_item *a, const struct ctl_load_item *b)
{
	return a->state == b->state && a->is_directory == b->is_directory && !strcmp(a->path, b->path);
}

static bool has_same_user(const struct ctl_load_item *a, const struct ctl_load_item *b)
{
	return a->user_size == b->user_size && !memcmp(a->user, b->user, a->user_size);
}

static void check_ids(struct load *load, struct ctl_load_item **sorted, size_t n)
{
	qsort(sorted, n, sizeof *sorted, by_id);
	for (size_t i = 1, first = 0; i < n; i++) {
		if (sorted[i]->id != sorted[first]->id) {
			first = i;
		} else if (!sorted[first]->line && is_same(sorted[first], sorted[i]) &&
			   !has_same_user(sorted[first], sorted[i])) {
			refuse(load, sorted[i], EX_CANTCREAT, "other user bytes than those of", sorted[first]);
		} else if (!sorted[first]->line && is_same(sorted[first], sorted[i])) {
			sorted[i]->is_settled = true;
			load->there++;
		} else {
			refuse(load, sorted[i], EX_CANTCREAT, "the id is taken by", sorted[first]);
		}
	}
}

static bool contains(const struct ctl_load_item *outer, const struct ctl_load_item *inner)
{
	size_t length = strlen(outer->path);

	return !strncmp(outer->path, inner->path, length) &&
	       (inner->path[length] == '\0' || inner->path[length] == '/');
}

static void check_paths(struct load *load, struct ctl_load_item **sorted, size_t n)
{
	struct ctl_load_item *outer = NULL;

	qsort(sorted, n, sizeof *sorted, by_path);
	for (size_t i = 0; i < n; i++) {
		if (sorted[i]->is_settled)
			continue;
		if (!outer || !contains(outer, sorted[i]))
			outer = sorted[i];
		else if (sorted[i]->line)
			refuse(load, sorted[i], EX_CANTCREAT, "the path is or lies in that of", outer);
		else if (!outer->is_settled)
			refuse(load, outer, EX_CANTCREAT, "the path contains that of", sorted[i]);
	}
}

static int compare_with_registry(struct load *load)
{
	int code = segreg_list(load->ctl->reg, add_present, load);
	struct ctl_load_item **sorted;

	if (code)
		return ctl_fail(load->ctl, code);
	sorted = calloc(load->n + 1, sizeof *sorted);
	if (!sorted)
		return ctl_fail(load->ctl, SEGREG_E_NOMEM);
	for (size_t i = 0; i < load->n; i++)
		sorted[i] = &load->items[i];
	check_ids(load, sorted, load->n);
	check_paths(load, sorted, load->n);
	free(sorted);
	return EX_OK;
}

static bool is_of_type(const struct load *load, const struct ctl_load_item *item)
{
	char path[SEGREG_PATH_SIZE];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", segreg_base_path(load->ctl->reg), item->path);
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) == item->is_directory;
}

static void add_lines(struct load *load, struct segreg_edit *edit)
{
	for (size_t i = 0; i < load->lines; i++) {
		struct ctl_load_item *item = &load->items[i];
		int code = segreg_edit_add(edit, item->id, item->path);

		/*
		 * A line that is live already may lack its directory: segctl check reports that, a load does not.
		 */
		if (item->is_settled && code == SEGREG_E_NOENT)
			continue;
		if (!code)
			code = segreg_edit_set_user(edit, item->user, item->user_size);
		if (code)
			refuse(load, item, tool_status_from_code(code),
			       *segreg_last_error() ? segreg_last_error() : segreg_strerror(code), NULL);
		else if (!item->is_settled && !is_of_type(load, item))
			refuse(load, item, EX_DATAERR,
			       item->is_directory ? "on the disk it is no directory" : "on the disk it is no file",
			       NULL);
	}
}

/* ------------------------------------------------------------------ doing it */

static void report(const struct load *load)
{
	bool dry_run = load->ctl->option['n'] != NULL;

	for (size_t i = 0; dry_run && i < load->lines; i++)
		if (!load->items[i].is_settled)
			tool_text_say(stdout, "", "would register %" PRIu64 " %s", load->items[i].id,
				      load->items[i].path);
	printf("%zu %s%s registered, %zu there already\n", load->lines - load->there,
	       load->lines - load->there == 1 ? "segment" : "segments", dry_run ? " would be" : "", load->there);
}

static int commit(struct load *load)
{
	struct segreg_edit *edit;
	int code = segreg_edit_begin(load->ctl->reg, &edit);

	if (code)
		return ctl_fail(load->ctl, code);
	add_lines(load, edit);
	if (load->errors.status || load->ctl->option['n']) {
		segreg_edit_abort(edit);
	} else {
		ctl_progress_show("registering %zu segments", load->lines - load->there);
		code = segreg_edit_commit(edit, NULL);
		ctl_progress_end();
		if (code)
			return ctl_fail(load->ctl, code);
	}
	if (!load->errors.status)
		report(load);
	return load->errors.status;
}

/* Place may have unregistered some of the items that were there. */
static int put(struct load *load, ctl_load_place *place, void *arg)
{
	int status = place(arg, load->items, load->lines, load->version);

	load->there = 0;
	for (size_t i = 0; i < load->lines; i++)
		load->there += load->items[i].is_settled;
	return status;
}

int ctl_load_text(struct ctl *ctl, const char *name, ctl_load_place *place, void *arg)
{
	struct load load = { .ctl = ctl };
	int status = read_text(&load, name);

	if (!status)
		status = compare_with_registry(&load);
	if (!status && place)
		status = load.errors.status ? load.errors.status : put(&load, place, arg);
	if (!status && place && ctl->option['n'])
		report(&load);
	else if (!status)
		status = commit(&load);
	ctl_several_end(ctl, &load.errors);
	for (size_t i = 0; i < load.n; i++)
		free(load.items[i].path);
	free(load.items);
	return status;
}
