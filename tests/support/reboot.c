/*
 * reboot.c - what a restart of the host leaves of a registry.
 */
#include "reboot.h"
#include "harness.h"
#include "base/sr_lockinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void t_reboot(const struct t_world *world)
{
	const char *path = t_path(world, "registry/registry.lock");
	int fd = T_SYS(open(path, O_RDONLY | O_CLOEXEC));
	struct sr_lockinfo info;

	T_OK(sr_lockinfo_read(fd, path, &info));
	if (info.region[0] && shm_unlink(info.region) == -1 && errno != ENOENT) /* the last to close has removed it */
		T_FAIL("cannot remove %s: %s", info.region, strerror(errno));
	close(fd);
}
