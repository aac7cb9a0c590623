/*
 * sr_access.c - which processes may take part in a registry: those that may write registry.lock.
 */
#include "sys/sr_access.h"

#include <errno.h>
#include <unistd.h>

/*
 * Return the rights of the file's group: the bits 4 (read), 2 (write) and 1 (execute).
 *
 * If a file has an access control list, the group bits of its mode hold the list's mask. The mask is the most that the
 * group and all named users and groups may do. The group's own rights are in the list's GROUP entry.
 *
 * The attribute that holds the list is little endian. It begins with a u32 version (2). Each entry has a u16 tag, u16
 * permissions and a u32 id.
 */
static mode_t group_rights(int fd, mode_t mode)
{
	enum { VERSION = 2, GROUP = 4, HEAD = 4, ENTRY = 8, ENTRIES = 500 };
	unsigned char list[HEAD + ENTRIES * ENTRY];
	ssize_t size = sr_sys_fgetxattr(fd, "system.posix_acl_access", list, sizeof(list));
	mode_t mask = (mode >> 3) & 7;

	if (size == -1 && errno == ERANGE)
		return 0;
	if (size < HEAD || list[0] != VERSION)
		return mask;
	for (ssize_t at = HEAD; at + ENTRY <= size; at += ENTRY)
		if (list[at] == GROUP && list[at + 1] == 0)
			return list[at + 2] & mask;
	return mask;
}

int sr_access_of(int fd, struct sr_access *access)
{
	struct stat st;
	mode_t group;

	if (sr_sys_fstat(fd, &st) == -1)
		return -1;
	group = group_rights(fd, st.st_mode);
	*access = (struct sr_access){
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mode = 0600 | ((group & 6) == 6 ? 0060 : 0) | ((st.st_mode & 6) == 6 ? 0006 : 0),
	};
	return 0;
}

void sr_access_give(int fd, const struct sr_access *access)
{
	mode_t mode = access->mode;
	struct stat st;

	if (sr_sys_fstat(fd, &st) == -1)
		return;
	if (st.st_gid != access->gid && sr_sys_fchown(fd, (uid_t)-1, access->gid) == -1)
		mode = (mode & ~(mode_t)0070) | (mode & 0007) << 3;
	if ((st.st_mode & 07777) != mode)
		(void)sr_sys_fchmod(fd, mode);
	/* Last, because a process that gives the file away may no longer change it. */
	if (st.st_uid != access->uid)
		(void)sr_sys_fchown(fd, access->uid, (gid_t)-1);
}

bool sr_access_is_of_participant(const struct sr_access *access, const struct stat *st)
{
	if (!S_ISREG(st->st_mode) || st->st_nlink != 1 || (st->st_mode & 0777 & ~access->mode))
		return false;
	if (st->st_uid == access->uid || st->st_uid == 0 || st->st_uid == geteuid())
		return true;
	return access->mode & 0002 || (access->mode & 0020 && st->st_gid == access->gid);
}
