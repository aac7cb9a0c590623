/*
 * served.c - whether a segregd serves the registry: it holds a lock as long as it does.
 */
#include <fcntl.h>
#include <unistd.h>

#include "segctl/ctl.h"

bool ctl_is_served(const struct ctl *ctl)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[SEGREG_PATH_SIZE];
	bool served;
	int fd;

	snprintf(path, sizeof path, "%s/%s", ctl->dir, TOOL_SWEEPER_LOCK);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	served = fd != -1 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	if (fd != -1)
		close(fd);
	return served;
}
