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
	size_t line; /* 0: the registry's */
	enum segreg_state state;
	bool is_directory;
	bool is_settled; /* a line that is live already, or about which something was said */
};

/* Puts the files of those items in place that are not settled. Returns an exit status. */
typedef int ctl_load_place(void *arg, const struct ctl_load_item *items, size_t n, uint64_t version);

/* Register what the dump called name lists (NULL: stdin), once place (NULL: nobody) has seen to the files. Returns the
 * exit status. */
int ctl_load_text(struct ctl *ctl, const char *name, ctl_load_place *place, void *arg);

#endif /* CTL_LOAD_H */
