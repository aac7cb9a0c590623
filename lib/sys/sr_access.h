/*
 * sr_access.h - which processes may take part in a registry: those that may write registry.lock.
 *
 * Every file that a registry's processes share gets the owner, group and mode of registry.lock, whichever process makes
 * the file and whatever its umask. Of an access control list on registry.lock, only the rights of the owner, the group
 * and others count. Entries for other users and groups are not copied.
 */
#ifndef SR_ACCESS_H
#define SR_ACCESS_H

#include "sys/sr_sys.h"

struct sr_access {
	uid_t uid;
	gid_t gid;
	mode_t mode; /* 0600, plus 060 if the group may read and write, plus 06 if others may */
};

/* Read the access that registry.lock, open as fd, gives. Returns 0, or -1 with errno. */
int sr_access_of(int fd, struct sr_access *access);

/*
 * Give an open file this owner, group and mode, as far as the kernel permits. Only root can change a file's owner.
 * Other users can set only a group that they are in. If the group cannot be set, the file's present group gets the
 * rights of others. Failures are ignored.
 */
void sr_access_give(int fd, const struct sr_access *access);

/*
 * Whether a participant made this file of /dev/shm. It must be a regular file with one name, and its mode must permit
 * no more than access does. Its owner must be the owner of registry.lock, root or this user. Any other owner is
 * accepted in two cases: others may write registry.lock, or its group may and the file has that group. The group proves
 * membership, because only a member or root can give a file that group.
 */
bool sr_access_is_of_participant(const struct sr_access *access, const struct stat *st);

#endif
