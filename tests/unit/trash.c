/*
 * trash.c - sr_trash: what is removed, what is left alone, and that nothing outside of the victim is ever touched.
 */
#include "base/sr_trash.h"
#include "harness.h"
#include "trash.h"
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- what a victim can have inside */

static void symlinks(void)
{
	begin();
	make_victim();
	make_outside();
	T_SYS(symlink("../outside", t_path(&world, "victim/to-directory")));
	T_SYS(symlink("../outside/data", t_path(&world, "victim/to-file")));
	T_SYS(symlink(t_path(&world, "outside"), t_path(&world, "victim/absolute")));
	T_SYS(symlink("/", t_path(&world, "victim/root")));
	T_SYS(symlink("..", t_path(&world, "victim/up")));
	T_SYS(symlink("nowhere", t_path(&world, "victim/broken")));
	struct sr_record record = registered("victim");
	remove_all(&record);
	check_outside();
	end();
}

static void hard_links(void)
{
	struct sr_removed removed;
	uint64_t outside;

	begin();
	make_victim();
	t_make_dir(&world, "victim/sub", 9000); /* a second name inside: freed */
	T_SYS(link(t_path(&world, "victim/sub/data"), t_path(&world, "victim/again")));
	t_make_file(&world, "outside", 20000); /* two names inside, one outside: linked, once */
	T_SYS(link(t_path(&world, "outside"), t_path(&world, "victim/linked")));
	T_SYS(link(t_path(&world, "outside"), t_path(&world, "victim/sub/linked")));
	struct sr_record record = registered("victim");
	uint64_t all = t_disk_usage(&world, "victim"); /* per name */
	outside = t_disk_usage(&world, "outside");
	uint64_t twice = t_disk_usage(&world, "victim/again");
	removed = remove_all(&record);
	T_EQ(removed.bytes_linked, outside);
	T_EQ(removed.bytes_freed, all - 2 * outside - twice);
	T_EQ(t_disk_usage(&world, "outside"), outside);
	end();
}

#define DEEP 300

static void deep_tree(void)
{
	char path[4 * DEEP + 64] = "victim";
	int length = (int)strlen(path);

	begin();
	make_victim();
	for (int i = 0; i < DEEP; i++) {
		length += snprintf(path + length, sizeof(path) - (size_t)length, "/d");
		t_make_dir(&world, path, 10);
	}
	struct sr_record record = registered("victim");
	uint64_t usage = t_disk_usage(&world, "victim");
	T_EQ(remove_all(&record).bytes_freed, usage);
	end();
}

/* Deep and wide: directories that are moved up meet others of the same name. */
static void deep_and_wide(void)
{
	char path[512];

	begin();
	make_victim();
	for (int branch = 0; branch < 8; branch++) {
		int length = snprintf(path, sizeof(path), "victim/%d", branch);

		t_make_dir(&world, path, 10);
		for (int i = 0; i < 60; i++) {
			length += snprintf(path + length, sizeof(path) - (size_t)length, "/d");
			t_make_dir(&world, path, 10);
		}
	}
	T_SYS(mkdir(t_path(&world, "victim/.segreg-lifted-0"), 0700));
	t_make_file(&world, "victim/.segreg-lifted-1", 10);
	struct sr_record record = registered("victim");
	uint64_t usage = t_disk_usage(&world, "victim");
	T_EQ(remove_all(&record).bytes_freed, usage);
	end();
}

static void special_files(void)
{
	begin();
	make_victim();
	T_SYS(mkfifo(t_path(&world, "victim/fifo"), 0600));
	T_SYS(mknod(t_path(&world, "victim/socket"), S_IFSOCK | 0600, 0));
	if (geteuid() == 0)
		T_SYS(mknod(t_path(&world, "victim/device"), S_IFCHR | 0600, 0));
	struct sr_record record = registered("victim");
	remove_all(&record);
	end();
}

static void one_file(void)
{
	begin();
	t_make_file(&world, "victim", 5000);
	struct sr_record record = registered("victim");
	uint64_t usage = t_disk_usage(&world, "victim");
	T_EQ(sr_trash_measure(&trash, &record), usage);
	T_EQ(remove_all(&record).bytes_freed, usage);
	end();
}

static void many(void)
{
	char path[64];

	begin();
	for (int i = 0; i < 200; i++) { /* in more directories than are remembered for the next sync */
		snprintf(path, sizeof(path), "parent-%d", i);
		T_SYS(mkdir(t_path(&world, "%s", path), 0700));
		snprintf(path, sizeof(path), "parent-%d/victim", i);
		t_make_dir(&world, path, 10);
		struct sr_record record = registered(path);
		struct sr_removed removed;
		T_EQ(sr_trash_remove(&trash, &record, &removed), 0);
		T_CHECK(!t_exists(&world, path));
	}
	T_SYS(rmdir(t_path(&world, "parent-199"))); /* gone itself before the sync */
	T_EQ(sr_trash_sync(&trash), 0);
	T_EQ(t_count_entries(&world, T_TRASH), 0);
	end();
}

static void measured(void)
{
	begin();
	make_victim();
	t_make_dir(&world, "victim/sub", 30000);
	t_make_file(&world, "outside", 20000);
	T_SYS(link(t_path(&world, "outside"), t_path(&world, "victim/linked")));
	struct sr_record record = registered("victim");
	uint64_t bytes = sr_trash_measure(&trash, &record);
	T_EQ(remove_all(&record).bytes_freed, bytes);
	T_EQ(sr_trash_measure(&trash, &record), 0);
	end();
}

/* ---------------------------------------------------------------- others' registries; what cannot be removed */

static void make_text(const char *path, const char *text)
{
	FILE *file = fopen(t_path(&world, "%s", path), "w");

	T_CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void foreign_inside(void)
{
	struct sr_removed removed;
	struct sr_record record;

	begin();
	T_SYS(mkdir(t_path(&world, "victim"), 0700));
	t_make_dir(&world, "victim/base", 10);
	make_text("victim/base/.segreg", "segreg base 1\nuuid 00000000-0000-0000-0000-000000000000\nstarts 1\n");
	t_make_dir(&world, "victim/registry", 10);
	make_text("victim/registry/registry.lock", "segreg registry 1\n");
	make_text("victim/registry/registry.mdb", "a database"); /* the lock alone is what a creation left */
	record = registered("victim");
	T_EQ(sr_trash_remove(&trash, &record, &removed), EBUSY);
	T_HAS(removed.where, "registry");
	/* and where they were */
	T_CHECK(t_exists(&world, "victim/base/data") && t_exists(&world, "victim/registry/data"));
	/* as if they had come just after the look */
	T_SYS(rename(t_path(&world, "victim"), t_path(&world, T_TRASH "/1.2")));
	T_EQ(sr_trash_remove(&trash, &record, &removed), EBUSY);
	T_HAS(removed.where, "1 more");
	T_CHECK(t_exists(&world, T_TRASH "/1.2/base/data") && t_exists(&world, T_TRASH "/1.2/registry/data"));
	T_SYS(unlink(t_path(&world, T_TRASH "/1.2/base/.segreg")));
	T_SYS(unlink(t_path(&world, T_TRASH "/1.2/registry/registry.lock")));
	remove_all(&record);
	end();
}

/* One entry cannot be removed: the others go all the same. */
static void goes_on(void)
{
	struct sr_removed removed;
	struct sr_record record;

	begin();
	make_victim();
	for (int i = 0; i < 10; i++)
		t_make_dir(&world, t_path(&world, "victim/%d", i) + strlen(world.base) + 1, 10);
	record = registered("victim");
	t_fail_call("unlinkat", 3, EACCES);
	T_EQ(sr_trash_remove(&trash, &record, &removed), EACCES);
	T_HAS(removed.where, "cannot remove");
	T_EQ(t_failed_calls(), 1);
	T_EQ(t_count_entries(&world, T_TRASH "/1.2"), 1);
	t_fail_call(NULL, 0, 0);
	remove_all(&record);
	end();
}

/* Directories below a victim in the trash, one in the other, each with a file. Returns the path of the last. */
static const char *make_chain(unsigned levels)
{
	static char path[2 * DEEP + 64];
	int length = snprintf(path, sizeof(path), T_TRASH "/1.2");

	for (unsigned i = 0; i < levels; i++) {
		length += snprintf(path + length, sizeof(path) - (size_t)length, "/d");
		t_make_dir(&world, path, 10);
	}
	return path;
}

static void make_base(const char *path)
{
	char marker[2 * DEEP + 96];

	t_make_dir(&world, path, 10);
	snprintf(marker, sizeof(marker), "%.640s/.segreg", path);
	make_text(marker, "segreg base 1\nuuid 00000000-0000-0000-0000-000000000000\nstarts 1\n");
}

/* What is too deep is moved up and removed in the same removal, although another entry stays. */
static void deep_beside_a_failure(void)
{
	struct sr_removed removed;
	struct sr_record record;

	begin();
	make_victim();
	record = registered("victim");
	T_SYS(rename(t_path(&world, "victim"), t_path(&world, T_TRASH "/1.2")));
	make_base(T_TRASH "/1.2/base");
	make_chain(80);
	T_EQ(sr_trash_remove(&trash, &record, &removed), EBUSY);
	T_CHECK(!strstr(removed.where, "more"));
	T_EQ(t_count_entries(&world, T_TRASH "/1.2"), 1);
	T_CHECK(t_exists(&world, T_TRASH "/1.2/base/data"));
	T_SYS(unlink(t_path(&world, T_TRASH "/1.2/base/.segreg")));
	remove_all(&record);
	end();
}

/* A base that is deeper than directories are opened at once stays where it is, and all beside it goes. */
static void foreign_and_deep(void)
{
	static const unsigned depths[] = { 23, 24, 25, 30, 40 };
	char path[2 * DEEP + 96], file[2 * DEEP + 96];
	struct sr_removed removed;
	struct sr_record record;

	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		begin();
		make_victim();
		record = registered("victim");
		T_SYS(rename(t_path(&world, "victim"), t_path(&world, T_TRASH "/1.2")));
		snprintf(path, sizeof(path), "%.640s/base", make_chain(depths[i]));
		make_base(path);
		snprintf(file, sizeof(file), "%.*s/data", (int)strlen(path) - (int)strlen("/base"), path);
		T_EQ(sr_trash_remove(&trash, &record, &removed), EBUSY);
		T_HAS(removed.where, "registry");
		T_EQ(t_count_entries(&world, path), 2);
		T_CHECK(!t_exists(&world, file));
		T_EQ(t_count_entries(&world, T_TRASH "/1.2"), 1);
		strcat(path, "/.segreg");
		T_SYS(unlink(t_path(&world, "%s", path)));
		remove_all(&record);
		end();
	}
}

/* A disk that is broken or read only: the removal ends with the first name, and so it does where a directory cannot be
 * read. */
static void broken_disk(void)
{
	static const int errors[] = { EIO, EROFS, EUCLEAN, EBADMSG, ENODEV, ENXIO, ESHUTDOWN, ENOTCONN };
	struct sr_removed removed;
	struct sr_record record;

	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		begin();
		T_SYS(mkdir(t_path(&world, "victim"), 0700));
		for (int j = 0; j < 10; j++)
			t_make_dir(&world, t_path(&world, "victim/%d", j) + strlen(world.base) + 1, 10);
		record = registered("victim");
		t_fail_call("unlinkat", 0, errors[i]);
		T_EQ(sr_trash_remove(&trash, &record, &removed), errors[i]);
		T_EQ(t_failed_calls(), 1);
		T_CHECK(!strstr(removed.where, "more"));
		t_fail_call(NULL, 0, 0);
		T_EQ(t_count_entries(&world, T_TRASH "/1.2"), 10);
		remove_all(&record);
		end();
	}
}

/* ---------------------------------------------------------------- what a crash left */

static void in_the_trash_already(void)
{
	struct sr_removed removed;
	struct sr_record record;

	begin();
	make_victim();
	record = registered("victim");
	T_SYS(rename(t_path(&world, "victim"), t_path(&world, T_TRASH "/1.2")));
	make_victim(); /* a new one of a stranger, at the old path */
	T_EQ(sr_trash_remove(&trash, &record, &removed), 0);
	T_CHECK(removed.bytes_freed > 5000);
	T_EQ(t_count_entries(&world, T_TRASH), 0);
	T_CHECK(t_exists(&world, "victim/data"));
	end();
}

static void half_removed(void)
{
	struct sr_removed removed;
	struct sr_record record;

	begin();
	make_victim();
	t_make_dir(&world, "victim/sub", 10);
	t_make_file(&world, "victim/file", 10);
	record = registered("victim");
	t_fail_call("unlinkat", 2, EIO);
	T_EQ(sr_trash_remove(&trash, &record, &removed), EIO);
	T_HAS(removed.where, "cannot remove");
	T_CHECK(!t_exists(&world, "victim"));
	T_EQ(t_count_entries(&world, T_TRASH), 1);
	remove_all(&record);
	end();
}

static bool say_stop(void *arg)
{
	++*(unsigned *)arg;
	return true;
}

static void stopped_at_its_pace(void)
{
	struct sr_removed removed;
	struct sr_record record;
	unsigned asked = 0;

	begin();
	make_victim();
	t_make_file(&world, "victim/file", 5000);
	record = registered("victim");
	trash.pace = 1; /* the first file at once, the second after hours */
	trash.stop = say_stop;
	trash.arg = &asked;
	T_EQ(sr_trash_remove(&trash, &record, &removed), ECANCELED);
	T_EQ(asked, 1);
	T_CHECK(removed.bytes_freed > 0);
	T_CHECK(!t_exists(&world, "victim"));
	T_EQ(t_count_entries(&world, T_TRASH), 1);
	trash.pace = 0;
	trash.stop = NULL;
	remove_all(&record);
	T_EQ(asked, 1);
	end();
}

static bool say_stop_next_time(void *arg)
{
	return ++*(unsigned *)arg == 2;
}

/* The first call of stop comes with the second file. A pace that the removal never reaches is like none. */
static void stopped_without_waiting(void)
{
	for (uint64_t pace = 0; pace <= UINT64_C(1) << 60; pace += UINT64_C(1) << 60) {
		struct sr_removed removed;
		struct sr_record record;
		unsigned asked = 0;

		begin();
		make_victim();
		for (unsigned i = 0; i < 2500; i++) {
			char name[32];

			snprintf(name, sizeof(name), "victim/%u", i);
			t_make_file(&world, name, 0);
		}
		record = registered("victim");
		trash.pace = pace;
		trash.stop = say_stop_next_time;
		trash.arg = &asked;
		T_EQ(sr_trash_remove(&trash, &record, &removed), ECANCELED);
		T_EQ(asked, 2);
		T_CHECK(!t_exists(&world, "victim"));
		T_CHECK(t_count_entries(&world, T_TRASH "/1.2") > 1000);
		trash.stop = NULL;
		remove_all(&record);
		end();
	}
}

static void sync_fails(void)
{
	struct sr_removed removed;
	struct sr_record record;

	begin();
	make_victim();
	record = registered("victim");
	T_EQ(sr_trash_remove(&trash, &record, &removed), 0);
	for (unsigned nth = 1; nth <= 2; nth++) { /* base, and the trash */
		t_fail_call("fsync", nth, EIO);
		T_EQ(sr_trash_sync(&trash), EIO);
	}
	t_fail_call(NULL, 0, 0);
	T_EQ(sr_trash_sync(&trash), 0);
	end();
}

T_SUITE(trash, { "symbolic links are removed and not followed", symlinks },
	{ "hard links are counted apart, each inode once", hard_links }, { "a tree of 300 levels", deep_tree },
	{ "deep branches side by side, and names that are taken", deep_and_wide },
	{ "fifos, sockets and devices", special_files }, { "a victim that is a file", one_file },
	{ "victims in more directories than are remembered", many }, { "what is measured is what is freed", measured },
	{ "a registry, or the base of one, inside a victim is not removed", foreign_inside },
	{ "one entry cannot be removed: all others go", goes_on },
	{ "one entry cannot be removed: what is too deep goes all the same, in the same removal",
	  deep_beside_a_failure },
	{ "the base of a registry deep inside a victim stays where it is, and alone", foreign_and_deep },
	{ "a broken disk, or one that is read only, ends a removal at the first name", broken_disk },
	{ "what a crash left in the trash goes, its old path is left alone", in_the_trash_already },
	{ "a removal that failed half way is finished the next time", half_removed },
	{ "a removal that waits for its pace is stopped, and finished the next time", stopped_at_its_pace },
	{ "a removal of 2,500 files is stopped in its midst, with no pace and with one that it never reaches",
	  stopped_without_waiting },
	{ "a removal is not durable before every sync has succeeded", sync_fails });
