/*
 * load.h - registering what a dump lists.
 */
#ifndef CTL_LOAD_H
#define CTL_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "segreg.h"
#include "segctl/ctl.h"

/* A line of a dump, or a segment that the registry has. */
struct ctl_load_item {
	uint64_t id;
	char *path;
	size_t line; /* 0: a segment of the registry */
	enum segreg_state state;
	bool is_directory;
	size_t user_size; /* bytes of user */
	unsigned char user[SEGREG_USER_SIZE];
	bool is_settled; /* a line that is live already, or whose error was written */
};

/*
 * Puts the files of those items that are not settled in their places. It may unregister a live item, which is then not
 * settled any more. Returns the exit status.
 */
typedef int ctl_load_place(void *arg, struct ctl_load_item *items, size_t n, uint64_t version);

/*
 * Register what the dump called name lists (NULL: stdin). Before that, call place, unless it is NULL. Returns the exit
 * status.
 */
int ctl_load_text(struct ctl *ctl, const char *name, ctl_load_place *place, void *arg);

#endif /* CTL_LOAD_H */
