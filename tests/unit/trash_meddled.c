/*
 * trash_meddled.c - sr_trash beside processes that exchange, move or remove what it removes.
 */
#include "base/sr_trash.h"
#include "harness.h"
#include "trash.h"
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void refuse(const struct sr_record *record, int error)
{
	struct sr_removed removed;

	T_EQ(sr_trash_remove(&trash, record, &removed), error);
	T_CHECK(*removed.where);
	T_EQ(removed.bytes_freed, 0);
	T_EQ(t_count_entries(&world, T_TRASH), 0);
}

/* ---------------------------------------------------------------- what is not the victim (any more) */

static void exchanged_for(void (*make)(void))
{
	struct sr_record record;

	begin();
	make_outside();
	make_victim();
	record = registered("victim");
	T_SYS(rename(t_path(&world, "victim"), t_path(&world, "aside")));
	make();
	refuse(&record, ESTALE);
	T_CHECK(t_exists(&world, "victim"));
	T_CHECK(t_exists(&world, "aside/data"));
	check_outside();
	end();
}

static void make_link(void)
{
	T_SYS(symlink("outside", t_path(&world, "victim")));
}

static void make_file(void)
{
	t_make_file(&world, "victim", 10);
}

static void exchanged(void)
{
	exchanged_for(make_victim);
	exchanged_for(make_link);
	exchanged_for(make_file);
}

/* Do something when the library makes its nth call of that name. */
static struct {
	const char *call;
	unsigned nth;
	void (*fn)(void);
} meddling;

static int meddle(const char *call)
{
	if (meddling.nth && strcmp(call, meddling.call) == 0 && --meddling.nth == 0)
		meddling.fn();
	return 0;
}

static void meddle_at(const char *call, unsigned nth, void (*fn)(void))
{
	meddling.call = call;
	meddling.nth = nth;
	meddling.fn = fn;
	sr_sys_hook = meddle;
}

static void check_meddled(void)
{
	T_EQ(meddling.nth, 0);
	sr_sys_hook = NULL;
}

static void exchange_victim(void)
{
	T_SYS(rename(t_path(&world, "victim"), t_path(&world, "aside")));
	make_victim();
	t_make_file(&world, "victim/precious", 10);
}

static void exchanged_after_the_look(void)
{
	struct sr_record record;

	begin();
	make_victim();
	record = registered("victim");
	meddle_at("renameat2", 1, exchange_victim);
	refuse(&record, ESTALE);
	check_meddled();
	T_CHECK(t_exists(&world, "victim/precious")); /* back in its place */
	T_CHECK(t_exists(&world, "aside/data"));
	end();
}

#define OPENS_BEFORE 4 /* the two looks at the victim, and at the directory in it */

/* A directory inside is exchanged for a link to elsewhere, just before it is opened. */
static void exchange_inside(void)
{
	t_remove_tree(t_path(&world, T_TRASH "/1.2/sub"));
	T_SYS(symlink(t_path(&world, "outside"), t_path(&world, T_TRASH "/1.2/sub")));
}

static void exchanged_inside(void)
{
	struct sr_removed removed;
	struct sr_record record;

	begin();
	make_outside();
	T_SYS(mkdir(t_path(&world, "victim"), 0700));
	t_make_dir(&world, "victim/sub", 10);
	record = registered("victim");
	/* the parent, the victim in the trash, and now what is in it */
	meddle_at("openat2", OPENS_BEFORE + 3, exchange_inside);
	T_CHECK(sr_trash_remove(&trash, &record, &removed) != 0);
	check_meddled();
	check_outside();
	remove_all(&record); /* the link itself goes */
	check_outside();
	end();
}

/* ---------------------------------------------------------------- moved away meanwhile */

#define MANY 400

static unsigned moved_at; /* unlinked names until then */
static char move_from[64];

static void move_away(void)
{
	T_SYS(rename(t_path(&world, "%s", move_from), t_path(&world, "away")));
	for (int i = 0; i < 50; i++)
		t_make_file(&world, t_path(&world, "away/new-%d", i) + strlen(world.base) + 1, 10);
}

/* What is moved out of the trash while it is being deleted: at most 32 names more go, and none that came since. */
static void moved_away(const char *inner)
{
	struct sr_removed removed;
	struct sr_record record;
	size_t left;

	begin();
	T_SYS(mkdir(t_path(&world, "victim"), 0700));
	if (*inner)
		T_SYS(mkdir(t_path(&world, "victim%s", inner), 0700));
	for (int i = 0; i < MANY; i++)
		t_make_file(&world, t_path(&world, "victim%s/%d", inner, i) + strlen(world.base) + 1, 10);
	record = registered("victim");
	snprintf(move_from, sizeof(move_from), T_TRASH "/1.2%s", inner);
	moved_at = 100;
	meddle_at("unlinkat", moved_at, move_away);
	T_EQ(sr_trash_remove(&trash, &record, &removed), ESTALE);
	T_HAS(removed.where, "moved away");
	check_meddled();
	left = t_count_entries(&world, "away");
	T_CHECK(left + moved_at + 32 >= MANY + 50);
	T_CHECK(left <= MANY + 50 - moved_at + 1);
	t_remove_tree(t_path(&world, "away"));
	if (*inner)
		remove_all(&record);
	end();
}

static void moved_away_itself(void)
{
	moved_away("");
}

static void moved_away_inside(void)
{
	moved_away("/inner");
}

static int move_and_forbid(const char *call)
{
	if (strcmp(call, "unlinkat"))
		return 0;
	if (meddling.nth && --meddling.nth == 0)
		move_away();
	return meddling.nth ? 0 : EACCES;
}

/* A process that is confined to base may touch nothing that was moved out of it. */
static void moved_out_of_reach(void)
{
	struct sr_removed removed;
	struct sr_record record;

	begin();
	t_make_dir(&world, "victim", 10);
	t_make_file(&world, "victim/more", 10);
	record = registered("victim");
	snprintf(move_from, sizeof(move_from), T_TRASH "/1.2");
	meddling.nth = 2;
	sr_sys_hook = move_and_forbid;
	T_EQ(sr_trash_remove(&trash, &record, &removed), ESTALE);
	T_HAS(removed.where, "moved away");
	check_meddled();
	T_EQ(t_count_entries(&world, "away"), 51);
	t_remove_tree(t_path(&world, "away"));
	end();
}

/* ---------------------------------------------------------------- gone, or made anew */

static void parent_exchanged(void)
{
	struct sr_removed removed;
	struct sr_record record;

	begin();
	T_SYS(mkdir(t_path(&world, "parent"), 0700));
	t_make_dir(&world, "parent/victim", 10);
	record = registered("parent/victim");
	T_SYS(rename(t_path(&world, "parent"), t_path(&world, "elsewhere")));
	T_SYS(symlink("elsewhere", t_path(&world, "parent")));
	T_CHECK(sr_trash_remove(&trash, &record, &removed) != 0); /* the very inode, but by way of a link */
	T_CHECK(t_exists(&world, "elsewhere/victim/data"));
	T_EQ(t_count_entries(&world, T_TRASH), 0);
	end();
}

static void gone_already(void)
{
	struct sr_record record;

	begin();
	T_SYS(mkdir(t_path(&world, "parent"), 0700));
	t_make_dir(&world, "parent/victim", 10);
	record = registered("parent/victim");
	t_remove_tree(t_path(&world, "parent/victim"));
	T_EQ(remove_all(&record).bytes_freed, 0);
	end();
}

/* Nobody knows whether what is not there is gone, as long as the directory is away that it was in. */
static void parent_away(void)
{
	struct sr_record record, old;

	begin();
	T_SYS(mkdir(t_path(&world, "parent"), 0700));
	t_make_dir(&world, "parent/victim", 10);
	record = old = registered("parent/victim");
	old.parent_ino = old.parent_fid = 0; /* of schema 1 */
	T_SYS(rename(t_path(&world, "parent"), t_path(&world, "elsewhere")));
	refuse(&record, ENOENT);
	refuse(&old, ENOENT);
	T_SYS(mkdir(t_path(&world, "parent"), 0700)); /* another one of that name */
	refuse(&record, ESTALE);
	T_CHECK(t_exists(&world, "elsewhere/victim/data"));
	T_SYS(rmdir(t_path(&world, "parent")));
	T_SYS(rename(t_path(&world, "elsewhere"), t_path(&world, "parent")));
	T_CHECK(remove_all(&record).bytes_freed > 0);
	end();
}

/* Inode numbers are given out again at once, and a clock's tick is long: the file handle tells. */
static void made_anew_within_a_tick(void)
{
	begin();
	for (int i = 0; i < 300; i++) {
		struct sr_record record;

		t_make_file(&world, "victim", 10);
		record = registered("victim");
		if (!record.fid)
			T_SKIP("%s is on a file system without file handles", world.base);
		T_SYS(unlink(t_path(&world, "victim")));
		t_make_file(&world, "victim", 10);
		refuse(&record, ESTALE);
		T_CHECK(t_exists(&world, "victim"));
		T_SYS(unlink(t_path(&world, "victim")));
	}
	end();
}

/* ---------------------------------------------------------------- strangers in the trash */

static void stranger_in_the_trash(void)
{
	struct sr_removed removed;
	struct sr_record record;

	begin();
	make_victim();
	record = registered("victim");
	t_make_dir(&world, T_TRASH "/1.2", 10);
	T_EQ(sr_trash_remove(&trash, &record, &removed), ESTALE);
	T_CHECK(t_exists(&world, T_TRASH "/1.2/data"));
	T_CHECK(t_exists(&world, "victim/data"));
	end();
}

T_SUITE(trash_meddled, { "what took the victim's place is left alone", exchanged },
	{ "what took the victim's place after the look is put back", exchanged_after_the_look },
	{ "a directory inside exchanged for a link is not followed", exchanged_inside },
	{ "a link on the way is not followed, even to the victim itself", parent_exchanged },
	{ "what is moved out of the trash meanwhile is left, but for 32 names", moved_away_itself },
	{ "a directory inside that is moved away meanwhile is left, but for 32 names", moved_away_inside },
	{ "what a confined process may not touch, because it was moved away, is reported as moved",
	  moved_out_of_reach },
	{ "what is gone already is a success", gone_already },
	{ "what is gone with the directory above is a failure, until that is back", parent_away },
	{ "what was made anew under the same inode number, in the same tick of the clock, stays",
	  made_anew_within_a_tick },
	{ "a stranger in the trash is left alone", stranger_in_the_trash });
