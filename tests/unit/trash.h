/*
 * trash.h - a base with a trash, and victims to remove.
 */
#ifndef TRASH_H
#define TRASH_H

#include "base/sr_trash.h"
#include "harness.h"
#include "world.h"

#include <string.h>

static struct t_world world;
static struct sr_base base;
static struct sr_trash trash;

static inline void begin(void)
{
	world = t_world(T_DISK);
	T_OK(sr_base_open(&base, world.base, world.dir));
	T_OK(sr_trash_open(&trash, &base, 0, 0));
}

static inline void end(void)
{
	sr_trash_close(&trash);
	sr_base_close(&base);
}

/* The record of what is at path now. */
static inline struct sr_record registered(const char *path)
{
	struct sr_record record = { .id = 1, .registered_at = 2, .path_length = (uint16_t)strlen(path) };
	char parent[SEGREG_PATH_MAX + 1];
	struct sr_identity identity;

	T_OK(sr_base_identify(&base, path, &identity));
	record.ino = identity.ino;
	record.btime = identity.btime;
	record.fid = identity.fid;
	record.is_directory = S_ISDIR(identity.mode);
	memcpy(record.path, path, record.path_length);
	if (sr_base_parent(path, parent) == path)
		return record;
	T_OK(sr_base_identify(&base, parent, &identity));
	record.parent_ino = identity.ino;
	record.parent_fid = identity.fid;
	return record;
}

static inline struct sr_removed remove_all(const struct sr_record *record)
{
	struct sr_removed removed;

	T_EQ(sr_trash_remove(&trash, record, &removed), 0);
	T_CHECK(!t_exists(&world, record->path));
	T_EQ(t_count_entries(&world, T_TRASH), 0);
	T_EQ(sr_trash_sync(&trash), 0);
	return removed;
}

static inline void make_victim(void)
{
	t_make_dir(&world, "victim", 5000);
}

/* Others' things, next to base's. */
static inline void make_outside(void)
{
	t_make_dir(&world, "outside", 5000);
	t_make_file(&world, "outside/more", 100);
}

static inline void check_outside(void)
{
	T_EQ(t_count_entries(&world, "outside"), 2);
	T_CHECK(t_exists(&world, "outside/data"));
}

#endif
