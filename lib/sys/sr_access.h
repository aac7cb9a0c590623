/*
 * sr_access.h - who may take part in a registry: the processes that may write registry.lock.
 *
 * Owner, group and mode of all that a registry's processes share follow registry.lock, whoever makes it and under any umask. Of an
 * access control list counts what it gives the owner, the group and others: entries for further users and groups are not copied.
 */
#ifndef SR_ACCESS_H
#define SR_ACCESS_H

#include "sys/sr_sys.h"

struct sr_access {
	uid_t uid;
	gid_t gid;
	mode_t mode; /* 0600, and reading and writing for the group and for others where they may read and write */
};

/* As registry.lock has it, open as fd. 0 or -1 with errno. */
int sr_access_of(int fd, struct sr_access *access);

/*
 * Give an open file this owner, group and mode, as far as the kernel lets: only root can give a file away, and another owner sets
 * only a group that it is in. Where the group cannot be set, the group that the file has gets what others get.
 */
void sr_access_give(int fd, const struct sr_access *access);

/*
 * Whether a participant made this file of /dev/shm. Its mode lets in nobody beyond access, and it is the owner's of registry.lock,
 * root's, or this user's; or any user's that may write registry.lock by its group or as others. A member is known by the file's
 * group: only a process in the group can give a file that group.
 */
bool sr_access_is_of_participant(const struct sr_access *access, const struct stat *st);

#endif
