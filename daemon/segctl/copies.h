/*
 * copies.h - the copies in a backup: DEST/segments/ID.BORN, named by the id of a segment and the version that
 * registered it.
 */
#ifndef CTL_COPIES_H
#define CTL_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segctl/ctl.h"
#include "segctl/tree.h"

#define CTL_COPIES_PART ".part" /* behind the name of a copy that may not be whole or durable */
#define CTL_COPIES_NAME 64

struct ctl_copy {
	uint64_t id, born;
};

/* All whole copies of a backup, by id and version. */
struct ctl_copies {
	char path[CTL_TREE_PATH]; /* of the directory */
	int fd;                   /* the directory, or -1 */
	struct ctl_copy *items;
	size_t n, room;
};

/*
 * Read the names in dest/segments. With may_be_absent, a directory that does not exist has no copies. Returns the exit
 * status.
 */
int ctl_copies_open(const struct ctl *ctl, struct ctl_copies *copies, const char *dest, bool may_be_absent);
void ctl_copies_close(struct ctl_copies *copies);

bool ctl_copies_have(const struct ctl_copies *copies, uint64_t id, uint64_t born);
/* The greatest version, at most version, of the copies of id; 0: there is no such copy. */
uint64_t ctl_copies_find(const struct ctl_copies *copies, uint64_t id, uint64_t version);

/* The name of a copy, perhaps with CTL_COPIES_PART behind. Returns name. */
const char *ctl_copies_name(uint64_t id, uint64_t born, const char *behind, char name[CTL_COPIES_NAME]);

/* Remove all copies that may not be whole. Returns the exit status. */
int ctl_copies_remove_parts(const struct ctl *ctl, const struct ctl_copies *copies);

#endif /* CTL_COPIES_H */
