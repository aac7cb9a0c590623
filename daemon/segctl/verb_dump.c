/*
 * verb_dump.c - segctl dump: the live segments of one version as text that segctl load reads.
 *
 * All lines come from one snapshot, so they are a state that the registry was in. They are collected before the first
 * one is written: a reader of the output that stalls keeps nothing from being deleted.
 */
#include <stdlib.h>
#include <string.h>

#include "segctl/ctl.h"

static int add(struct ctl_dump *list, const struct segreg_entry *entry)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		void *more = reallocarray(list->items, room, sizeof *list->items);

		if (!more)
			return SEGREG_E_NOMEM;
		list->items = more;
		list->room = room;
	}
	list->items[list->n++] = *entry;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct segreg_entry *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

int ctl_dump_collect(struct segreg *reg, const struct segreg_snapshot *snapshot, struct ctl_dump *list)
{
	struct segreg_entry entry = { .size = sizeof entry };
	int code = 0, step = 0;

	list->version = snapshot->version;
	while (!code && (step = segreg_snapshot_next(reg, snapshot, &entry)) > 0)
		code = add(list, &entry);
	if (list->n)
		qsort(list->items, list->n, sizeof *list->items, by_id);
	return code ? code : step;
}

/* A field is printable ASCII without a space; all else stands as \xNN. */
static void print_path(FILE *file, const char *path)
{
	for (; *path; path++)
		if (*path > ' ' && *path < 0x7f && *path != '\\')
			putc(*path, file);
		else
			fprintf(file, "\\x%02x", (unsigned char)*path);
}

void ctl_dump_print(FILE *file, const struct ctl_dump *list)
{
	fprintf(file, "segreg dump 1\nversion %" PRIu64 "\n", list->version);
	for (size_t i = 0; i < list->n; i++) {
		fprintf(file, "segment %" PRIu64 " %s ", list->items[i].id, list->items[i].is_directory ? "dir" : "file");
		print_path(file, list->items[i].path);
		putc('\n', file);
	}
	fprintf(file, "end %zu\n", list->n);
}

static int exec(struct ctl *ctl)
{
	struct ctl_dump list = { .n = 0 };
	struct segreg_snapshot snapshot;
	int code = segreg_snapshot_take(ctl->reg, SEGREG_SNAPSHOT, &snapshot);

	if (code)
		return ctl_fail(ctl, code);
	code = ctl_dump_collect(ctl->reg, &snapshot, &list);
	segreg_snapshot_release(ctl->reg, &snapshot);
	if (!code)
		ctl_dump_print(stdout, &list);
	free(list.items);
	return code ? ctl_fail(ctl, code) : EX_OK;
}

const struct ctl_verb ctl_dump = {
	.name = "dump",
	.operands = "",
	.help = "Write the live segments as text that load reads",
	.exec = exec,
};
