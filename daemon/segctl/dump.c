/*
 * dump.c - the live segments of one version as text.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "segreg.h"
#include "segctl/bytes.h"
#include "segctl/dump.h"

static int add(void *arg, const struct segreg_entry *entry)
{
	struct ctl_dump *list = arg;

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

int ctl_dump_collect(struct segreg *reg, const struct segreg_snapshot *snapshot, struct ctl_dump *list)
{
	list->version = snapshot->version;
	return segreg_snapshot_list(reg, snapshot, SEGREG_BY_ID, add, list);
}

/* A field is printable ASCII without a space. Every other byte is \xNN. */
static void print_path(FILE *file, const char *path)
{
	for (; *path; path++)
		if (*path > ' ' && *path < 0x7f && *path != '\\')
			putc(*path, file);
		else
			fprintf(file, "\\x%02x", (unsigned char)*path);
}

static void print_entry(FILE *file, const struct segreg_entry *entry)
{
	char text[CTL_BYTES_TEXT];

	fprintf(file, "segment %" PRIu64 " %s ", entry->id, entry->is_directory ? "dir" : "file");
	print_path(file, entry->path);
	if (entry->user_size)
		fprintf(file, " %s", ctl_bytes_write(entry->user, entry->user_size, text));
	putc('\n', file);
}

static void print_header(FILE *file, uint64_t version)
{
	fprintf(file, "segreg dump 1\nversion %" PRIu64 "\n", version);
}

void ctl_dump_print(FILE *file, const struct ctl_dump *list)
{
	print_header(file, list->version);
	for (size_t i = 0; i < list->n; i++)
		print_entry(file, &list->items[i]);
	fprintf(file, "end %zu\n", list->n);
}

struct print {
	FILE *file;
	size_t n;
};

static int print_next(void *arg, const struct segreg_entry *entry)
{
	struct print *print = arg;

	print_entry(print->file, entry);
	print->n++;
	return ferror(print->file); /* main reports it */
}

int ctl_dump_stream(struct segreg *reg, const struct segreg_snapshot *snapshot, FILE *file)
{
	struct print print = { .file = file };
	int code;

	print_header(file, snapshot->version);
	code = segreg_snapshot_list(reg, snapshot, SEGREG_BY_ID, print_next, &print);
	if (!code)
		fprintf(file, "end %zu\n", print.n);
	return code > 0 ? 0 : code;
}
