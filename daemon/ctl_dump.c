/*
 * ctl_dump.c - segctl dump: the live segments of one version as text that segctl load reads.
 *
 * All lines come from one snapshot, so they are a state that the registry was in. They are collected before the first
 * one is written: a reader of the output that stalls keeps nothing from being deleted.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

struct list {
	struct segreg_entry *items;
	size_t n, room;
	uint64_t version;
};

static int add(struct list *list, const struct segreg_entry *entry)
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

static int collect(struct segreg *reg, struct list *list)
{
	struct segreg_entry entry = { .size = sizeof entry };
	struct segreg_snapshot snapshot;
	int code = segreg_snapshot_take(reg, SEGREG_SNAPSHOT, &snapshot), step = 0;

	if (code)
		return code;
	list->version = snapshot.version;
	while (!code && (step = segreg_snapshot_next(reg, &snapshot, &entry)) > 0)
		code = add(list, &entry);
	segreg_snapshot_release(reg, &snapshot);
	if (!code && step == 0 && list->n)
		qsort(list->items, list->n, sizeof *list->items, by_id);
	return code ? code : step;
}

/* A field is printable ASCII without a space; all else stands as \xNN. */
static void print_path(const char *path)
{
	for (; *path; path++)
		if (*path > ' ' && *path < 0x7f && *path != '\\')
			putchar(*path);
		else
			printf("\\x%02x", (unsigned char)*path);
}

static void print(const struct list *list)
{
	printf("segreg dump 1\nversion %" PRIu64 "\n", list->version);
	for (size_t i = 0; i < list->n; i++) {
		printf("segment %" PRIu64 " %s ", list->items[i].id, list->items[i].is_directory ? "dir" : "file");
		print_path(list->items[i].path);
		putchar('\n');
	}
	printf("end %zu\n", list->n);
}

static int exec(struct ctl *ctl)
{
	struct list list = { .n = 0 };
	int code = collect(ctl->reg, &list);

	if (!code)
		print(&list);
	free(list.items);
	return code ? ctl_fail(ctl, code) : EX_OK;
}

const struct ctl_verb ctl_dump = {
	.name = "dump",
	.operands = "",
	.help = "Write the live segments as text that load reads",
	.exec = exec,
};
