/*
 * make.c - a small registry of the library that this is built with, as text: one file here for each schema that there
 * ever was.
 *
 * Built by hand, in a checkout of the version whose form is to be kept; tests/README.md says how. Prints a line for
 * each value of registry.mdb: its table ("" for the main one), key and value, as hexadecimal digits.
 */
#include "segreg.h"

#include <fcntl.h>
#include <lmdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int failed, const char *what)
{
	if (!failed)
		return;
	fprintf(stderr, "%s failed (%d): %s\n", what, failed, segreg_last_error());
	exit(1);
}

static void make_segment(const char *base, unsigned id)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof path, "%s/seg-%u", base, id);
	must(mkdir(path, 0755), "mkdir");
	strcat(path, "/data");
	fd = open(path, O_CREAT | O_WRONLY, 0644);
	must(fd == -1 || write(fd, "data", 4) != 4 || close(fd), "write");
}

#ifdef SEGREG_SWEEP_RETRY_NOW /* schema 2: a failed deletion is remembered */

/* Whose file in a directory without write permission cannot be deleted, unless by root. */
static void make_stubborn(const char *base, unsigned id)
{
	char path[4096];
	int fd;

	make_segment(base, id);
	snprintf(path, sizeof path, "%s/seg-%u/stuck", base, id);
	must(mkdir(path, 0755), "mkdir");
	strcat(path, "/file");
	fd = open(path, O_CREAT | O_WRONLY, 0644);
	must(fd == -1 || close(fd), "open");
	*strrchr(path, '/') = '\0';
	must(chmod(path, 0555), "chmod");
}

/* The journal has an entry for a process that ended with a pin. */
static void die_with_pin(const char *dir)
{
	struct segreg_open_options options = { .size = sizeof options, .label = "dead" };
	struct segreg_pin pin;
	struct segreg *reg;
	pid_t child = fork();

	must(child == -1, "fork");
	if (child) {
		must(waitpid(child, NULL, 0) != child, "waitpid");
		return;
	}
	must(segreg_open(dir, &options, &reg), "segreg_open");
	must(segreg_pin(reg, 1, 0, &pin), "segreg_pin");
	_exit(0);
}

/* Three processes register segments 7, 8 and 9 at once. Which of them travels with another's commit is a matter of
 * luck. */
static void register_together(const char *base, const char *dir)
{
	char go, path[16];
	struct segreg *reg;
	int line[2];

	must(pipe(line), "pipe");
	for (unsigned id = 7; id <= 9; id++) {
		make_segment(base, id);
		if (fork())
			continue;
		close(line[1]);
		must(segreg_open(dir, NULL, &reg), "segreg_open");
		snprintf(path, sizeof path, "seg-%u", id);
		must(read(line[0], &go, 1) != 0, "read");
		must(segreg_register(reg, id, path), "segreg_register");
		must(segreg_close(reg, NULL), "segreg_close");
		_exit(0);
	}
	close(line[0]);
	usleep(100000); /* so that all are there */
	close(line[1]);
	while (wait(NULL) > 0)
		;
}

/* Segment 5 could not be deleted. A process died. */
static void fail_to_delete(struct segreg *reg, const char *base, const char *dir)
{
	make_stubborn(base, 5);
	must(segreg_register(reg, 5, "seg-5"), "segreg_register");
	must(segreg_retire(reg, 5), "segreg_retire");
	die_with_pin(dir);
}

#ifdef SEGREG_USER_SIZE /* schema 3: a segment has bytes of its user */
#define SET_USER(edit) must(segreg_edit_set_user(edit, "four\0\377", 6), "segreg_edit_set_user")
#endif

/* Segment 6 is reserved; 7, 8 and 9 are live. */
static void reserve_and_ride(struct segreg *reg, const char *base, const char *dir)
{
	register_together(base, dir);
	must(segreg_reserve(reg, 6, "seg-6"), "segreg_reserve");
}

#else
#define fail_to_delete(reg, base, dir) ((void)0)
#define reserve_and_ride(reg, base, dir) ((void)0)
#endif

/* Segment 1 is live, 2 is retired, 3 was deleted, and 4 is live, by an edit with a token if there were tokens. */
static void make_registry(const char *base, const char *dir)
{
	struct segreg_open_options options = {
		.size = sizeof options, .flags = SEGREG_CREATE, .label = "old", .max_segments = 64, .max_lanes = 4
	};
	struct segreg_edit *edit;
	struct segreg *reg;

	must(mkdir(base, 0755), "mkdir");
	for (unsigned id = 1; id <= 4; id++)
		make_segment(base, id);
	must(segreg_open(dir, &options, &reg), "segreg_open");
	must(segreg_register(reg, 1, "seg-1"), "segreg_register");
	must(segreg_register(reg, 2, "seg-2"), "segreg_register");
	must(segreg_register(reg, 3, "seg-3"), "segreg_register");
	must(segreg_edit_begin(reg, &edit), "segreg_edit_begin");
	must(segreg_edit_add(edit, 4, "seg-4"), "segreg_edit_add");
#ifdef SET_USER
	SET_USER(edit);
#endif
#ifdef SEGREG_TOKENS
	must(segreg_edit_token(edit, (const unsigned char *)"sixteen letters"), "segreg_edit_token");
#endif
	must(segreg_edit_commit(edit, NULL), "segreg_edit_commit");
	must(segreg_retire(reg, 3), "segreg_retire");
	fail_to_delete(reg, base, dir);
	must(segreg_sweep(reg, NULL, NULL), "segreg_sweep");
	must(segreg_retire(reg, 2), "segreg_retire");
	reserve_and_ride(reg, base, dir);
	must(segreg_close(reg, NULL), "segreg_close");
}

static void print_hex(const MDB_val *value)
{
	for (size_t i = 0; i < value->mv_size; i++)
		printf("%02x", ((const unsigned char *)value->mv_data)[i]);
}

/* The main table also has the roots of the others. */
static bool is_table(MDB_txn *txn, const MDB_val *key)
{
	char name[512] = "";
	MDB_dbi table;

	memcpy(name, key->mv_data, key->mv_size);
	return mdb_dbi_open(txn, name, 0, &table) == 0;
}

static void print_table(MDB_txn *txn, const char *name)
{
	MDB_val key, value;
	MDB_cursor *cursor;
	MDB_dbi table;

	if (mdb_dbi_open(txn, name, 0, &table) == MDB_NOTFOUND)
		return;
	if (name)
		printf("\"%s\",\n", name); /* also says that an empty one is there */
	must(mdb_cursor_open(txn, table, &cursor), "mdb_cursor_open");
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
		if (!name && is_table(txn, &key))
			continue;
		printf("\"%s ", name ? name : "");
		print_hex(&key);
		printf(" ");
		print_hex(&value);
		printf("\",\n");
	}
	mdb_cursor_close(cursor);
}

int main(int argc, char **argv)
{
	static const char *const tables[] = { NULL, "meta", "segments", "paths", "tokens", "journal" };
	char dir[4096], file[4200];
	MDB_env *env;
	MDB_txn *txn;

	must(argc != 2, "Usage: make DIRECTORY, which is made");
	snprintf(dir, sizeof dir, "%s/registry", argv[1]);
	snprintf(file, sizeof file, "%s/registry.mdb", dir);
	make_registry(argv[1], dir);
	must(mdb_env_create(&env), "mdb_env_create");
	must(mdb_env_set_maxdbs(env, 16), "mdb_env_set_maxdbs");
	must(mdb_env_open(env, file, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0), "mdb_env_open");
	must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "mdb_txn_begin");
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		print_table(txn, tables[i]);
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return 0;
}
